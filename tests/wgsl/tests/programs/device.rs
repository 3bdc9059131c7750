//! Programs on a Vulkan device, for instance lavapipe.

use hadal_wgsl_programs::{Access, Need, Program};

pub(crate) struct Device {
    device: wgpu::Device,
    queue: wgpu::Queue,
    features: wgpu::Features,
}

fn feature(need: Need) -> wgpu::Features {
    match need {
        Need::F16 => wgpu::Features::SHADER_F16,
        Need::Int64 => wgpu::Features::SHADER_INT64,
        Need::Subgroups => wgpu::Features::SUBGROUP | wgpu::Features::SUBGROUP_BARRIER,
        Need::Immediates => wgpu::Features::IMMEDIATES,
        Need::F32Atomics => wgpu::Features::SHADER_FLOAT32_ATOMIC,
        Need::Int64Atomics => wgpu::Features::SHADER_INT64_ATOMIC_ALL_OPS,
    }
}

const NEEDS: [Need; 6] =
    [Need::F16, Need::Int64, Need::Subgroups, Need::Immediates, Need::F32Atomics, Need::Int64Atomics];

impl Device {
    /// The first device, with all of its limits; `None` without one.
    pub(crate) fn open() -> Option<Device> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let adapter =
            pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default())).ok()?;
        let wanted = NEEDS.into_iter().fold(wgpu::Features::empty(), |all, need| all | feature(need));
        let features = wanted & adapter.features();
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            required_features: features,
            required_limits: adapter.limits(),
            ..Default::default()
        }))
        .ok()?;
        Some(Device { device, queue, features })
    }

    /// What the buffers hold after the program ran.
    pub(crate) fn run(&self, program: &Program) -> Result<Vec<Vec<u8>>, String> {
        for need in &program.needs {
            if !self.features.contains(feature(*need)) {
                return Err(format!("the device lacks {need:?}"));
            }
        }
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(&program.name),
            source: wgpu::ShaderSource::Wgsl(program.source.as_str().into()),
        });
        let (layouts, buffers): (Vec<_>, Vec<_>) = program
            .buffers
            .iter()
            .enumerate()
            .map(|(binding, buffer)| {
                let (ty, usage) = match buffer.access {
                    Access::Read => (storage(true), wgpu::BufferUsages::STORAGE),
                    Access::Write => (storage(false), wgpu::BufferUsages::STORAGE),
                    Access::Uniform => (wgpu::BufferBindingType::Uniform, wgpu::BufferUsages::UNIFORM),
                };
                let entry = wgpu::BindGroupLayoutEntry {
                    binding: binding as u32,
                    visibility: wgpu::ShaderStages::COMPUTE,
                    ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
                    count: None,
                };
                let created = self.device.create_buffer(&wgpu::BufferDescriptor {
                    label: None,
                    size: buffer.bytes.len().next_multiple_of(4) as u64,
                    usage: usage | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                });
                let mut bytes = buffer.bytes.clone();
                bytes.resize(bytes.len().next_multiple_of(4), 0);
                self.queue.write_buffer(&created, 0, &bytes);
                (entry, created)
            })
            .unzip();
        let layout = self
            .device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &layouts });
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: program.immediates.len() as u32,
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: Default::default(),
            cache: None,
        });
        let entries: Vec<_> = buffers
            .iter()
            .enumerate()
            .map(|(i, b)| wgpu::BindGroupEntry { binding: i as u32, resource: b.as_entire_binding() })
            .collect();
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &layout,
            entries: &entries,
        });
        if let Some(error) = pollster::block_on(scope.pop()) {
            return Err(format!("on the device: {error}"));
        }
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        if !program.immediates.is_empty() {
            pass.set_immediates(0, &program.immediates);
        }
        let [x, y, z] = program.groups;
        pass.dispatch_workgroups(x, y, z);
        drop(pass);
        self.queue.submit([encoder.finish()]);
        buffers.iter().map(|buffer| self.read(buffer)).collect()
    }

    fn read(&self, buffer: &wgpu::Buffer) -> Result<Vec<u8>, String> {
        let staging = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: buffer.size(),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, buffer.size());
        self.queue.submit([encoder.finish()]);
        staging.slice(..).map_async(wgpu::MapMode::Read, |_| {});
        self.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| e.to_string())?;
        let range = staging.slice(..).get_mapped_range().map_err(|e| e.to_string())?;
        Ok(range.to_vec())
    }
}

fn storage(read_only: bool) -> wgpu::BufferBindingType {
    wgpu::BufferBindingType::Storage { read_only }
}
