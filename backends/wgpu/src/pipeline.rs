//! Compute pipelines, compiled once for each kernel text of a device.

use crate::context::Context;
use crate::scope::check;
use crate::sync::lock;
use hadal_device::DeviceError;
use hadal_shaders::Launch;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

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
        context: &Context,
        launch: &Launch,
        op: &str,
    ) -> Result<Arc<Pipeline>, DeviceError> {
        let signature = (launch.bindings.iter().map(|b| b.read_write).collect(), launch.faults);
        if let Some(known) = lock(&self.compiled).get(&signature).and_then(|texts| texts.get(&launch.source))
        {
            return Ok(known.clone());
        }
        context.health.alive(&context.info)?;
        let (pipeline, outcome) = check(&context.device, || {
            let layout = self.layout(&context.device, &signature);
            compile(&context.device, launch, layout)
        });
        let outcome = outcome.await;
        context.health.alive(&context.info)?;
        if let Some(error) = outcome {
            let op = format!("{op} ({})", launch.variant);
            return Err(context.failure(&op, error));
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
