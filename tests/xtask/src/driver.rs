//! A Vulkan driver for the wgpu backend: the machine's own, or Mesa's software one.

use crate::install;
use crate::process::output;
use std::path::Path;

/// Makes sure that there is a Vulkan loader and a driver; returns whether there is. Elsewhere than on Linux the system brings its own.
pub(crate) fn ensure() -> bool {
    if !cfg!(target_os = "linux") || present() {
        return true;
    }
    eprintln!("no Vulkan driver was found: the wgpu backend needs one, a software driver will do");
    install::apt(&["mesa-vulkan-drivers", "libvulkan1"]) && present()
}

fn present() -> bool {
    loader() && driver()
}

fn loader() -> bool {
    let known = output("/sbin/ldconfig", &["-p"]).or_else(|| output("ldconfig", &["-p"]));
    known.is_none_or(|libraries| libraries.contains("libvulkan.so.1"))
}

fn driver() -> bool {
    let named = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES"];
    if named.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())) {
        return true;
    }
    let folders = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"];
    folders.iter().any(|folder| {
        let entries = Path::new(folder).read_dir().into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.path().extension().is_some_and(|e| e == "json"))
    })
}
