//! Compute pipelines, compiled once for each kernel text of a device, and what is bound to them.

use crate::gpu::Wgpu;
use crate::scope::{check, check_now};
use hadal_device::DeviceError;
use hadal_launch::{Allocation, Dispatch, Faults, Instance, lock};
use hadal_shaders::Launch;
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};

/// Bind groups that a dispatch remembers: enough for buffers that swap places from run to run.
const REMEMBERED_BIND_GROUPS: usize = 4;

/// A compiled kernel.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) pipeline: wgpu::ComputePipeline,
    pub(crate) layout: wgpu::BindGroupLayout,
}

/// Which bindings a kernel has: `read_write` of each storage binding, and whether it reports faults.
type Signature = (Vec<bool>, bool);

/// The pipelines of a device.
#[derive(Debug, Default)]
pub(crate) struct Pipelines {
    layouts: Mutex<HashMap<Signature, wgpu::BindGroupLayout>>,
    compiled: Mutex<HashMap<Signature, HashMap<String, Arc<Pipeline>>>>,
}

impl Pipelines {
    /// Number of kernels compiled so far.
    pub(crate) fn len(&self) -> usize {
        lock(&self.compiled).values().map(HashMap::len).sum()
    }

    /// The pipeline of `launch`, a kernel of the step `op`. Errors: `Kernel` with the compiler's message, `OutOfMemory`, `Lost`.
    pub(crate) async fn get(
        &self,
        gpu: &Wgpu,
        launch: &Launch,
        op: &str,
    ) -> Result<Arc<Pipeline>, DeviceError> {
        let signature = (launch.bindings.iter().map(|b| b.read_write).collect(), launch.faults);
        if let Some(known) = lock(&self.compiled).get(&signature).and_then(|texts| texts.get(&launch.source))
        {
            return Ok(known.clone());
        }
        gpu.health.alive(&gpu.info)?;
        let (pipeline, outcome) = check(&gpu.device, || {
            let layout = self.layout(&gpu.device, &signature);
            compile(&gpu.device, launch, layout)
        });
        let outcome = outcome.await;
        gpu.health.alive(&gpu.info)?;
        if let Some(error) = outcome {
            let op = format!("{op} ({})", launch.variant);
            return Err(gpu.failure(&op, error));
        }
        let mut compiled = lock(&self.compiled);
        let texts = compiled.entry(signature).or_default();
        Ok(texts.entry(launch.source.clone()).or_insert_with(|| Arc::new(pipeline)).clone())
    }

    fn layout(&self, device: &wgpu::Device, signature: &Signature) -> wgpu::BindGroupLayout {
        let mut layouts = lock(&self.layouts);
        if let Some(layout) = layouts.get(signature) {
            return layout.clone();
        }
        let storage = |read_only| wgpu::BufferBindingType::Storage { read_only };
        let mut types: Vec<wgpu::BufferBindingType> =
            signature.0.iter().map(|&read_write| storage(!read_write)).collect();
        types.push(wgpu::BufferBindingType::Uniform);
        if signature.1 {
            types.push(storage(false));
        }
        let entries: Vec<wgpu::BindGroupLayoutEntry> = (0u32..)
            .zip(types)
            .map(|(binding, ty)| wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
                count: None,
            })
            .collect();
        let descriptor = wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries };
        let layout = device.create_bind_group_layout(&descriptor);
        layouts.insert(signature.clone(), layout.clone());
        layout
    }
}

fn compile(device: &wgpu::Device, launch: &Launch, layout: wgpu::BindGroupLayout) -> Pipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(launch.variant),
        source: wgpu::ShaderSource::Wgsl(launch.source.as_str().into()),
    });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(launch.variant),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    });
    Pipeline { pipeline, layout }
}

/// Bind groups that a dispatch remembers, by the memory that they bind.
#[derive(Debug, Default)]
pub(crate) struct BindGroups(Mutex<Vec<(Vec<u64>, wgpu::BindGroup)>>);

/// The bind group of `dispatch` for this memory: a remembered one if it was bound before. Errors: `Kernel`, `OutOfMemory`, `Lost`.
pub(crate) fn bind(
    gpu: &Wgpu,
    instance: &Instance<Wgpu>,
    dispatch: &Dispatch<Wgpu>,
    bound: &[&Allocation<Wgpu>],
) -> Result<wgpu::BindGroup, DeviceError> {
    let key: Vec<u64> = bound.iter().map(|allocation| allocation.id()).collect();
    let mut bind_groups = lock(&dispatch.bound.0);
    if let Some(position) = bind_groups.iter().position(|(known, _)| *known == key) {
        bind_groups[..=position].rotate_right(1);
        return Ok(bind_groups[0].1.clone());
    }
    let cover = |buffer, offset, bytes| {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size: NonZeroU64::new(bytes) })
    };
    let mut resources: Vec<wgpu::BindingResource<'_>> = bound
        .iter()
        .zip(&dispatch.slots)
        .map(|(memory, slot)| cover(memory.block(), slot.offset, slot.bytes))
        .collect();
    let (offset, bytes) = dispatch.parameters;
    resources.extend(instance.uniforms.iter().map(|uniforms| cover(uniforms.block(), offset, bytes)));
    if dispatch.faults {
        resources.push(cover(&gpu.word, 0, Faults::BYTES));
    }
    let entries: Vec<wgpu::BindGroupEntry<'_>> = (0u32..)
        .zip(resources)
        .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource })
        .collect();
    let descriptor =
        wgpu::BindGroupDescriptor { label: None, layout: &dispatch.kernel.layout, entries: &entries };
    let (bind_group, error) = check_now(&gpu.device, || gpu.device.create_bind_group(&descriptor));
    if let Some(error) = error {
        return Err(gpu.failure(&dispatch.op, error));
    }
    bind_groups.truncate(REMEMBERED_BIND_GROUPS - 1);
    bind_groups.insert(0, (key, bind_group.clone()));
    Ok(bind_group)
}
