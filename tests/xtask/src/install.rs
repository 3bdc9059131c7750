//! Installing with `apt-get`, where that needs no question answered; or unpacking a package without installing it.

use crate::process::{output, succeeds};
use std::path::Path;
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
    refresh(prefix);
    let installed = install(false);
    if !installed {
        eprintln!("  hint: {by_hand}");
    }
    installed
}

/// Installs Debian packages, or newer ones than there are; as [`apt`], after a look at what there is to be had now.
pub(crate) fn newest(packages: &[&str]) -> bool {
    if let Some(prefix) = privilege() {
        refresh(prefix);
    }
    apt(packages)
}

/// Unpacks a Debian package, alone and without its scripts, into `folder`, which changes nothing for other programs; returns whether that worked.
pub(crate) fn unpack(package: &str, folder: &Path) -> bool {
    if std::fs::create_dir_all(folder).is_err() {
        return false;
    }
    eprintln!("  fetching {package}");
    let fetch = || {
        let mut command = Command::new("apt-get");
        command.args(["download", "-qq", package]).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let fetched = fetch()
        || privilege().is_some_and(|prefix| {
            refresh(prefix);
            fetch()
        });
    let archives = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let archive = archives.into_iter().find(|path| path.extension().is_some_and(|end| end == "deb"));
    let unpacked = archive.is_some_and(|archive| {
        let (archive, into) = (archive.display().to_string(), folder.display().to_string());
        succeeds("dpkg-deb", &["-x", &archive, &into])
    });
    fetched && unpacked
}

fn refresh(prefix: &[&str]) {
    let mut update: Vec<&str> = prefix.to_vec();
    update.extend(["apt-get", "update", "-qq"]);
    succeeds(update[0], &update[1..]);
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
