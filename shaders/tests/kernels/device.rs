//! Runs candidates on whatever Vulkan device is there, one launch after another.

use hadal_graph::program::{Program, Step, ValueId};
use hadal_graph::{Bindings, DType, Scalar};
use hadal_shaders::{Candidate, Capabilities, Source, Storage};
use std::collections::BTreeMap;
use std::sync::OnceLock;

pub(crate) struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
}

/// The device, opened once. The tests need one; a machine without has none of the evidence that they give.
pub(crate) fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()))
            .expect("a Vulkan device, for instance lavapipe of mesa-vulkan-drivers");
        let features = (wgpu::Features::SHADER_F16 | wgpu::Features::SUBGROUP) & adapter.features();
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            required_features: features,
            required_limits: adapter.limits(),
            ..Default::default()
        }))
        .expect("the adapter's own limits are granted");
        Gpu { device, queue }
    })
}

/// Full-featured software device; the same pretending to be a GPU; WebGPU's default limits.
pub(crate) fn capability_sets() -> Vec<(&'static str, Capabilities)> {
    let full = Capabilities {
        f16: true,
        int64: false,
        subgroups: Some((8, 8)),
        max_invocations: 1024,
        workgroup_memory: 32768,
        max_storage_buffers: 64,
        max_workgroups: 65535,
        software: true,
        ends_loops: false,
        language: None,
    };
    let web = Capabilities {
        f16: false,
        subgroups: None,
        max_invocations: 256,
        workgroup_memory: 16384,
        max_storage_buffers: 7,
        software: false,
        ..full.clone()
    };
    vec![
        ("software", full.clone()),
        ("gpu", Capabilities { software: false, ..full }),
        ("web-software", Capabilities { software: true, ..web.clone() }),
        ("web", web),
    ]
}

impl Gpu {
    /// Runs `candidate` with `data` in the values; returns what `step` wrote and whether it faulted.
    pub(crate) fn run(
        &self,
        program: &Program,
        step: &Step,
        sizes: &Bindings,
        capabilities: &Capabilities,
        candidate: &Candidate,
        data: &BTreeMap<ValueId, Vec<Scalar>>,
    ) -> (Vec<Vec<Scalar>>, bool) {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let buffer = |bytes: &[u8], usage| {
            let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: (bytes.len() as u64).next_multiple_of(16).max(16),
                usage,
                mapped_at_creation: false,
            });
            self.queue.write_buffer(&buffer, 0, bytes);
            buffer
        };
        let mut values: BTreeMap<ValueId, wgpu::Buffer> = BTreeMap::new();
        for (id, value) in program.values.iter() {
            let root = program.storage(id);
            let elements = value.elements().eval(sizes).unwrap() as usize;
            let storage = storage_of(program, id, capabilities);
            let bytes = match data.get(&id) {
                Some(scalars) => encode(scalars, value.dtype, storage),
                // What a kernel fails to write must not look right by chance.
                None => vec![0xa5; storage.bytes(value.dtype, elements as u64) as usize],
            };
            if id == root || data.contains_key(&id) {
                values.insert(root, buffer(&bytes, usage));
            }
        }
        let scratch: Vec<wgpu::Buffer> = candidate
            .scratch
            .iter()
            .map(|size| buffer(&vec![0x5a; size.eval(sizes).unwrap() as usize], usage))
            .collect();
        let fault = buffer(&[0; 16], usage);
        let mut encoder = self.device.create_command_encoder(&Default::default());
        for launch in &candidate.launches {
            let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
            let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(launch.variant),
                source: wgpu::ShaderSource::Wgsl(launch.source.as_str().into()),
            });
            let visible = |binding: usize, ty| wgpu::BindGroupLayoutEntry {
                binding: binding as u32,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
                count: None,
            };
            let mut layout: Vec<_> = launch
                .bindings
                .iter()
                .enumerate()
                .map(|(i, b)| visible(i, wgpu::BufferBindingType::Storage { read_only: !b.read_write }))
                .collect();
            layout.push(visible(launch.bindings.len(), wgpu::BufferBindingType::Uniform));
            let mut numbers: Vec<u32> = launch.params.iter().map(|p| p.eval(sizes).unwrap() as u32).collect();
            if launch.faults {
                layout.push(visible(
                    launch.bindings.len() + 1,
                    wgpu::BufferBindingType::Storage { read_only: false },
                ));
                numbers.push(1);
            }
            let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            let params = buffer(&bytes, wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST);
            let mut bound: Vec<&wgpu::Buffer> = launch
                .bindings
                .iter()
                .map(|b| match b.source {
                    Source::Value(id) => &values[&id],
                    Source::Scratch(n) => &scratch[n],
                })
                .collect();
            bound.push(&params);
            if launch.faults {
                bound.push(&fault);
            }
            let layout = self
                .device
                .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &layout });
            let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: None,
                bind_group_layouts: &[Some(&layout)],
                immediate_size: 0,
            });
            let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: None,
                layout: Some(&pipeline_layout),
                module: &module,
                entry_point: Some("main"),
                compilation_options: Default::default(),
                cache: None,
            });
            let entries: Vec<_> = bound
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
                panic!("{}: {error}\n{}", launch.variant, launch.source);
            }
            // Folded into two dimensions, one group too many, as a backend may do.
            let workgroups = launch.workgroups.eval(sizes).unwrap() as u32;
            let width = workgroups.clamp(1, 37);
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&pipeline);
            pass.set_bind_group(0, &group, &[]);
            pass.dispatch_workgroups(width, workgroups.div_ceil(width), 1);
        }
        self.queue.submit([encoder.finish()]);
        let written = step
            .writes
            .iter()
            .map(|&id| {
                let bytes = self.read(&values[&program.storage(id)]);
                let elements = program.values[id].elements().eval(sizes).unwrap() as usize;
                decode(&bytes, program.values[id].dtype, storage_of(program, id, capabilities), elements)
            })
            .collect();
        (written, self.read(&fault)[0] != 0)
    }

    fn read(&self, buffer: &wgpu::Buffer) -> Vec<u8> {
        let staging = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: buffer.size(),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, buffer.size());
        self.queue.submit([encoder.finish()]);
        staging.slice(..).map_async(wgpu::MapMode::Read, |result| result.unwrap());
        self.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
        staging.slice(..).get_mapped_range().unwrap().to_vec()
    }
}

fn storage_of(program: &Program, id: ValueId, capabilities: &Capabilities) -> Storage {
    use hadal_graph::program::Role;
    let frozen = matches!(program.values[program.storage(id)].role, Role::Parameter(_) | Role::Constant(_));
    Storage::of(program.values[id].dtype, frozen, capabilities).unwrap()
}

fn encode(scalars: &[Scalar], dtype: DType, storage: Storage) -> Vec<u8> {
    let mut bytes: Vec<u8> = scalars
        .iter()
        .flat_map(|s| match (storage, dtype) {
            (Storage::F32, _) => (s.to_f64() as f32).to_le_bytes().to_vec(),
            (Storage::I32 | Storage::U32, _) => (s.to_i128() as i32).to_le_bytes().to_vec(),
            (Storage::F16, _) | (Storage::Packed, DType::F16) => {
                half::f16::from_f64(s.to_f64()).to_le_bytes().to_vec()
            }
            (Storage::Packed, DType::BF16) => half::bf16::from_f64(s.to_f64()).to_le_bytes().to_vec(),
            _ => s.to_i128().to_le_bytes()[..dtype.size()].to_vec(),
        })
        .collect();
    bytes.resize(storage.bytes(dtype, scalars.len() as u64) as usize, 0xa5);
    bytes
}

fn decode(bytes: &[u8], dtype: DType, storage: Storage, elements: usize) -> Vec<Scalar> {
    let word = |i: usize| u32::from_le_bytes(bytes[i * 4..i * 4 + 4].try_into().unwrap());
    (0..elements)
        .map(|i| match storage {
            Storage::F32 => Scalar::Float(f32::from_bits(word(i)) as f64),
            Storage::F16 => {
                Scalar::Float(half::f16::from_le_bytes([bytes[i * 2], bytes[i * 2 + 1]]).to_f64())
            }
            Storage::I32 if dtype == DType::Bool => {
                assert!(word(i) < 2, "a boolean is stored as {}", word(i));
                Scalar::Bool(word(i) == 1)
            }
            Storage::I32 => Scalar::Int(word(i) as i32 as i128),
            Storage::U32 => Scalar::Int(word(i) as i128),
            Storage::Wide64 => {
                let bits = word(i * 2) as u64 | (word(i * 2 + 1) as u64) << 32;
                Scalar::Int(if dtype == DType::I64 { bits as i64 as i128 } else { bits as i128 })
            }
            Storage::Packed => unreachable!("frozen values are not written"),
        })
        .collect()
}
