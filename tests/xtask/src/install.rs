//! Installing with `apt-get`, where that needs no question answered.

use crate::process::{output, succeeds};
use std::process::{Command, Stdio};

/// Installs Debian packages. Says what to type where it may not, and returns whether they are there now.
pub(crate) fn apt(packages: &[&str]) -> bool {
    let by_hand = format!("sudo apt-get install -y --no-install-recommends {}", packages.join(" "));
    let Some(prefix) = privilege() else {
        eprintln!("  cannot install {} here: neither root nor sudo without a password", packages.join(" "));
        eprintln!("  hint: {by_hand}");
        return false;
    };
    eprintln!("  installing {}", packages.join(" "));
    let install = |quiet: bool| {
        let mut words: Vec<&str> = prefix.to_vec();
        words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq"]);
        words.push("--no-install-recommends");
        words.extend(packages);
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null());
        if quiet {
            command.stderr(Stdio::null());
        }
        command.status().is_ok_and(|status| status.success())
    };
    // Package lists may be missing or stale: refresh them only when a first try fails.
    if install(true) {
        return true;
    }
    let mut update: Vec<&str> = prefix.to_vec();
    update.extend(["apt-get", "update", "-qq"]);
    succeeds(update[0], &update[1..]);
    let installed = install(false);
    if !installed {
        eprintln!("  hint: {by_hand}");
    }
    installed
}

/// The words to put before a command that needs root; `None` if there is no way or no `apt-get`.
fn privilege() -> Option<&'static [&'static str]> {
    if !succeeds("apt-get", &["--version"]) {
        None
    } else if output("id", &["-u"]).is_some_and(|id| id.trim() == "0") {
        Some(&[])
    } else if succeeds("sudo", &["-n", "true"]) {
        Some(&["sudo", "-n"])
    } else {
        None
    }
}
