//! What the processor is called and what it can do.

use hadal_device::{DeviceInfo, DeviceKind};

/// Facts about this machine, for people; no kernel depends on them.
pub(crate) fn device_info() -> DeviceInfo {
    DeviceInfo {
        backend: "cpu".into(),
        index: 0,
        name: linux_field("/proc/cpuinfo", "model name").unwrap_or_else(|| "CPU".into()),
        driver: format!("hadal {} on {}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH),
        kind: DeviceKind::Cpu,
        memory: linux_field("/proc/meminfo", "MemTotal").and_then(|v| {
            let kibibytes: u64 = v.trim_end_matches("kB").trim().parse().ok()?;
            Some(kibibytes * 1024)
        }),
        features: features(),
    }
}

/// The first `key : value` line of a file in /proc.
fn linux_field(path: &str, key: &str) -> Option<String> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim().to_string())
    })
}

fn features() -> Vec<String> {
    #[allow(unused_mut, reason = "stays empty where detection does not exist")]
    let mut features = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        macro_rules! detect {
            ($($name:tt),*) => {$(if std::arch::is_x86_feature_detected!($name) { features.push($name.to_string()); })*};
        }
        detect!(
            "sse4.1",
            "avx",
            "avx2",
            "fma",
            "f16c",
            "avx512f",
            "avx512bw",
            "avx512dq",
            "avx512vl",
            "avx512vnni"
        );
    }
    #[cfg(target_arch = "aarch64")]
    features.push("neon".to_string());
    features
}
