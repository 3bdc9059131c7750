//! Finding adapters and choosing one.

use crate::capabilities::{feature_names, kind};
use hadal_device::{DeviceError, DeviceFuture, DeviceInfo, DeviceKind, Which};

/// Every adapter of this machine, software ones included (see [`DeviceInfo::kind`]); their indices are what [`Which::Index`] means.
pub fn adapters() -> DeviceFuture<'static, Vec<DeviceInfo>> {
    Box::pin(async {
        Ok(enumerate().await.iter().enumerate().map(|(i, adapter)| describe(i, adapter)).collect())
    })
}

/// The adapter that `which` names, with its description. [`Which::Any`] prefers discrete GPUs, then integrated, virtual and unknown ones,
/// then software.
///
/// Errors: `Unavailable`, which says what there is instead.
pub(crate) async fn choose(which: &Which) -> Result<(wgpu::Adapter, DeviceInfo), DeviceError> {
    let adapters: Vec<(wgpu::Adapter, DeviceInfo)> = enumerate()
        .await
        .into_iter()
        .enumerate()
        .map(|(index, adapter)| {
            let info = describe(index, &adapter);
            (adapter, info)
        })
        .collect();
    if adapters.is_empty() {
        return Err(nothing());
    }
    let found: Vec<String> =
        adapters.iter().map(|(_, info)| format!("{} {}", info.id(), info.name)).collect();
    let chosen = match which {
        Which::Any => adapters.into_iter().min_by_key(|(_, info)| preference(info.kind)),
        Which::Index(index) => adapters.into_iter().nth(*index),
        Which::Name(name) => {
            let name = name.to_lowercase();
            adapters.into_iter().find(|(_, info)| info.name.to_lowercase().contains(&name))
        }
    };
    chosen.ok_or_else(|| DeviceError::Unavailable {
        backend: "wgpu".into(),
        reason: format!("no adapter is `{which}`"),
        hint: format!("choose one of: {}", found.join(", ")),
    })
}

async fn enumerate() -> Vec<wgpu::Adapter> {
    let backends = wgpu::Backends::VULKAN
        | wgpu::Backends::METAL
        | wgpu::Backends::DX12
        | wgpu::Backends::BROWSER_WEBGPU;
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backends;
    descriptor.flags = wgpu::InstanceFlags::empty();
    let instance = wgpu::Instance::new(descriptor);
    instance.enumerate_adapters(backends).await
}

fn describe(index: usize, adapter: &wgpu::Adapter) -> DeviceInfo {
    let info = adapter.get_info();
    let driver = [info.driver.as_str(), info.driver_info.as_str()].join(" ");
    DeviceInfo {
        backend: "wgpu".into(),
        index,
        name: if info.name.is_empty() { "unnamed adapter".into() } else { info.name },
        driver: format!("{} [{}]", driver.trim(), info.backend),
        kind: kind(info.device_type),
        memory: None,
        features: feature_names(adapter.features()),
    }
}

fn preference(kind: DeviceKind) -> usize {
    use DeviceKind::*;
    [DiscreteGpu, IntegratedGpu, VirtualGpu, Other, Cpu, Software]
        .iter()
        .position(|&k| k == kind)
        .unwrap_or(usize::MAX)
}

/// The error for a machine without any adapter.
pub(crate) fn nothing() -> DeviceError {
    let reason = if cfg!(target_arch = "wasm32") {
        "this browser offers no WebGPU adapter"
    } else {
        "no Vulkan, Metal or Direct3D 12 adapter was found"
    };
    DeviceError::Unavailable { backend: "wgpu".into(), reason: reason.into(), hint: how_to_get_one().into() }
}

fn how_to_get_one() -> &'static str {
    if cfg!(target_arch = "wasm32") {
        "use a browser with WebGPU switched on, or the cpu backend"
    } else if cfg!(target_os = "linux") {
        "install your GPU's Vulkan driver, or a software one (on Debian: `apt-get install mesa-vulkan-drivers libvulkan1`)"
    } else {
        "install your GPU's driver, or use the cpu backend"
    }
}
