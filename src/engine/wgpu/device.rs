//! An opened device: buffers and pipelines.

use super::Precision;
use super::adapters::{AdapterInfo, needed};
use super::faults::{self, Faults};
use super::optional::{Optional, Settled};
use super::shaders::{self, Kernel};
use super::shared::SharedDevice;
use super::waiting::wait;
use crate::engine::EngineError;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use wgpu::{Buffer, BufferUsages, ComputePipeline, Features};

pub(super) struct Device {
    name: String,
    pub(super) precision: Precision,
    /// Its owner draws with it, so that pictures can stay there.
    pub(super) shared: bool,
    /// What it was opened with, and what shaders use of it.
    pub(super) offered: Optional,
    pub(super) used: Optional,
    /// For all engines on a shared device.
    settled: Settled,
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) faults: Arc<Faults>,
    pipelines: HashMap<Kernel, ComputePipeline>,
}

impl Device {
    /// A separate device; with the optional features of shaders, or without.
    pub(super) fn open(
        info: &AdapterInfo,
        precision: Precision,
        optional: bool,
    ) -> Result<Self, EngineError> {
        let name = format!("wgpu device {}, {}", info.ordinal, info.name);
        let refused =
            |why: &str| EngineError::Device(format!("{name} cannot be used: {}", why.trim()));
        if let Some(why) = &info.unusable {
            return Err(refused(why));
        }
        if precision == Precision::Half && !info.half {
            return Err(refused("its shaders have no half precision"));
        }
        let adapter = info.adapter();
        let wanted = match optional {
            true => Optional::of(info, precision == Precision::Half),
            false => Optional::default(),
        };
        let request = |required_features, experimental_features| {
            pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
                label: Some("gem-live engine"),
                required_features,
                required_limits: needed(&adapter.limits()),
                experimental_features,
                memory_hints: wgpu::MemoryHints::Performance,
                ..Default::default()
            }))
        };
        let mut why = String::new();
        for offered in wanted.choices() {
            let experimental = match offered.matrices {
                // SAFETY: wgpu documents that the feature may have bugs in wgpu and in drivers. Only
                // a shader of this crate uses it, whose results are compared with the processor's
                // first.
                Some(_) => unsafe { wgpu::ExperimentalFeatures::enabled() },
                None => wgpu::ExperimentalFeatures::disabled(),
            };
            match request(features(precision) | offered.features(), experimental) {
                Ok((device, queue)) => {
                    return Ok(Self { offered, ..Self::own(name, precision, device, queue) });
                }
                Err(error) => why = error.to_string(),
            }
            if offered != Optional::default() {
                tracing::warn!("{name} cannot be opened with {}: {why}", offered.describe());
            }
        }
        Err(refused(&why))
    }

    /// A device that is shared with its owner.
    pub(super) fn share(
        info: &AdapterInfo,
        shared: &SharedDevice,
        precision: Precision,
    ) -> Result<Self, EngineError> {
        let name = format!("wgpu device {}, {}, shared with the window", info.ordinal, info.name);
        let limits = shared.device.limits();
        if !shared.device.features().contains(features(precision))
            || !needed(&limits).check_limits(&limits)
        {
            let text = format!("{name} cannot be used: it was opened without what is needed");
            return Err(EngineError::Device(text));
        }
        let (device, queue) = (shared.device.clone(), shared.queue.clone());
        let offered = Optional::shared(info, device.features());
        let opened = Self {
            shared: true,
            offered,
            settled: Arc::clone(&shared.settled),
            ..Self::opened(name, precision, device, queue)
        };
        shared.notify(&opened.faults);
        Ok(opened)
    }

    fn own(name: String, precision: Precision, device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let opened = Self::opened(name, precision, device, queue);
        let own = Arc::downgrade(&opened.faults);
        faults::watch(&opened.device, move |report| {
            if let Some(own) = own.upgrade() {
                report(own.as_ref());
            }
        });
        opened
    }

    fn opened(
        name: String,
        precision: Precision,
        device: wgpu::Device,
        queue: wgpu::Queue,
    ) -> Self {
        let (faults, pipelines) = (Arc::new(Faults::default()), HashMap::new());
        let (shared, offered, used) = (false, Optional::default(), Optional::default());
        let settled = Arc::default();
        Self { name, precision, shared, offered, used, settled, device, queue, faults, pipelines }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What was found to work in this engine's precision, once that was tried.
    pub(super) fn settled(&self) -> &OnceLock<Optional> {
        &self.settled[usize::from(self.precision == Precision::Half)]
    }

    /// An error if anything has failed so far.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        let Some(first) = self.faults.first() else { return Ok(()) };
        // Calls that fail because the device is lost are noticed before the loss, which wgpu reports
        // when nothing runs any more, perhaps in the other thread.
        let deadline = Instant::now() + Duration::from_secs(1);
        wait(&self.device, None, || Instant::now() >= deadline);
        let mut lost = self.faults.lost();
        for _ in 0..20 {
            if lost.is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
            lost = self.faults.lost();
        }
        let why = lost.unwrap_or(first);
        Err(EngineError::Device(format!("{} failed: {why}", self.name)))
    }

    /// A buffer of at least `bytes`; one that is too large is a fault, and the buffer is small.
    pub(super) fn buffer(&self, label: &str, bytes: u64, usage: BufferUsages) -> Buffer {
        let limits = self.device.limits();
        let most = limits.max_buffer_size.min(limits.max_storage_buffer_binding_size);
        let mut size = bytes.max(16).next_multiple_of(16);
        if size > most {
            let mib = |bytes: u64| bytes.div_ceil(1 << 20);
            self.faults.report(&format!(
                "these sizes need a buffer of {} MiB, and its shaders read at most {} MiB",
                mib(size),
                mib(most)
            ));
            size = 16;
        }
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: usage.contains(BufferUsages::MAP_WRITE),
        })
    }

    /// A buffer that shaders read, with these contents.
    pub(super) fn upload<T: bytemuck::Pod>(&self, label: &str, data: &[T]) -> Buffer {
        let bytes: &[u8] = bytemuck::cast_slice(data);
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let buffer = self.buffer(label, bytes.len() as u64, usage);
        if buffer.size() >= bytes.len() as u64 {
            self.queue.write_buffer(&buffer, 0, bytes);
        }
        buffer
    }

    /// The pipeline of a kernel, compiled when first needed; with subgroups where they are used and
    /// all threads of the largest one read the same weights.
    pub(super) fn pipeline(&mut self, kernel: &Kernel) -> ComputePipeline {
        let (device, precision) = (&self.device, self.precision);
        let sizes = self.used.subgroups.zip(kernel.name.sharing());
        let subgroups = sizes.is_some_and(|(largest, sharing)| largest <= sharing);
        let kernel = Kernel { subgroups, ..kernel.clone() };
        let make = |kernel: &Kernel| compile(device, kernel, precision);
        self.pipelines.entry(kernel).or_insert_with_key(make).clone()
    }
}

fn features(precision: Precision) -> Features {
    if precision == Precision::Half { Features::SHADER_F16 } else { Features::empty() }
}

fn compile(device: &wgpu::Device, kernel: &Kernel, precision: Precision) -> ComputePipeline {
    let label = Some(kernel.name.file());
    let source = shaders::source(kernel, precision);
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label,
        source: wgpu::ShaderSource::Wgsl(Cow::Owned(source)),
    });
    let entry = |(binding, kind): (usize, char)| wgpu::BindGroupLayoutEntry {
        binding: binding as u32,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: binding_type(kind),
        count: None,
    };
    let entries: Vec<_> = kernel.name.bindings().chars().enumerate().map(entry).collect();
    let group = device
        .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label,
        bind_group_layouts: &[Some(&group)],
        immediate_size: 0,
    });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label,
        layout: Some(&layout),
        module: &module,
        entry_point: Some(kernel.name.entry()),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: &[],
            // Every shader writes its own before it reads it.
            zero_initialize_workgroup_memory: false,
        },
        cache: None,
    })
}

/// The kind of a binding, by its letter in [`shaders::KernelName::bindings`].
fn binding_type(kind: char) -> wgpu::BindingType {
    use wgpu::BufferBindingType::{Storage, Uniform};
    let buffer =
        |ty| wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None };
    match kind {
        'u' => buffer(Uniform),
        'w' => buffer(Storage { read_only: false }),
        't' => wgpu::BindingType::StorageTexture {
            access: wgpu::StorageTextureAccess::WriteOnly,
            format: wgpu::TextureFormat::Rgba8Unorm,
            view_dimension: wgpu::TextureViewDimension::D2,
        },
        _ => buffer(Storage { read_only: true }),
    }
}
