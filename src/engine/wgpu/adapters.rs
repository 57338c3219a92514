//! Graphics devices that wgpu finds, and whether the engine can use them.

use wgpu::{Adapter, Backend, Backends, CooperativeScalarType, DeviceType, Features, Limits};

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceKind {
    /// A graphics card with separate memory.
    Discrete,
    /// A graphics unit that shares the processor's memory.
    Integrated,
    /// A part of a card that a hypervisor provides.
    Virtual,
    /// A device that its driver does not describe.
    Unknown,
    /// The processor, through a driver that needs no graphics device.
    Software,
}

/// A graphics device.
#[derive(Clone, Debug)]
pub struct AdapterInfo {
    /// Index in [`adapters`], the value of `--gpu`.
    pub ordinal: usize,
    /// Its name and interface, such as `AMD Radeon 780M (Vulkan)`.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// Whether feature maps can be stored in half precision.
    pub half: bool,
    /// Largest buffer that a shader can read, in bytes.
    pub binding_bytes: u64,
    /// Threads of its largest subgroup, if shaders have operations on subgroups and the interface
    /// reports their size.
    pub subgroups: Option<u32>,
    /// Cooperative matrices of half precision with sums in single precision.
    pub matrices: Option<MatrixShape>,
    /// Why the engine cannot use it, if it cannot.
    pub unusable: Option<String>,
    adapter: Adapter,
}

/// How the device multiplies matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MatrixShape {
    /// Rows and columns of each of the three matrices.
    pub tile: u32,
    /// Threads that share a matrix: those of the largest subgroup.
    pub threads: u32,
}

impl AdapterInfo {
    pub(super) fn adapter(&self) -> &Adapter {
        &self.adapter
    }
}

/// Interfaces with compute shaders and f16; OpenGL has too few buffers per shader.
pub(super) const BACKENDS: Backends = Backends::VULKAN.union(Backends::METAL).union(Backends::DX12);

/// Every device that a driver of Vulkan, Metal or DirectX 12 provides: graphics cards first,
/// software last.
///
/// # Errors
/// One line if there is none.
pub fn adapters() -> Result<Vec<AdapterInfo>, String> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    (descriptor.backends, descriptor.flags) = (BACKENDS, wgpu::InstanceFlags::empty());
    let instance = wgpu::Instance::new(descriptor);
    let found = pollster::block_on(instance.enumerate_adapters(BACKENDS));
    let mut found: Vec<AdapterInfo> = found.into_iter().map(describe).collect();
    found.sort_by_key(|a| a.kind);
    for (i, adapter) in found.iter_mut().enumerate() {
        adapter.ordinal = i;
    }
    if found.is_empty() {
        return Err("no driver of Vulkan, Metal or DirectX 12 provides a device".into());
    }
    Ok(found)
}

fn describe(adapter: Adapter) -> AdapterInfo {
    let info = adapter.get_info();
    let kind = match info.device_type {
        DeviceType::DiscreteGpu => DeviceKind::Discrete,
        DeviceType::IntegratedGpu => DeviceKind::Integrated,
        DeviceType::VirtualGpu => DeviceKind::Virtual,
        DeviceType::Other => DeviceKind::Unknown,
        DeviceType::Cpu => DeviceKind::Software,
    };
    let interface = match info.backend {
        Backend::Vulkan => "Vulkan",
        Backend::Metal => "Metal",
        Backend::Dx12 => "DirectX 12",
        _ => "unknown interface",
    };
    let limits = adapter.limits();
    let mut unusable = None;
    needed(&limits).check_limits_with_fail_fn(&limits, false, |name, needed, allowed| {
        unusable = Some(format!("its limit {name} is {allowed}, and {needed} is needed"));
    });
    let half = adapter.features().contains(Features::SHADER_F16);
    AdapterInfo {
        ordinal: 0,
        name: format!("{} ({interface})", info.name),
        kind,
        half,
        binding_bytes: limits.max_storage_buffer_binding_size.min(limits.max_buffer_size),
        subgroups: subgroups(&adapter, &info),
        matrices: matrices(&adapter, &info).filter(|_| half),
        unusable,
        adapter,
    }
}

fn subgroups(adapter: &Adapter, info: &wgpu::AdapterInfo) -> Option<u32> {
    let threads = info.subgroup_max_size;
    // The largest size is assumed where the interface states none.
    let is_known = threads.is_power_of_two() && threads < wgpu::MAXIMUM_SUBGROUP_MAX_SIZE;
    (is_known && adapter.features().contains(Features::SUBGROUP)).then_some(threads)
}

/// The largest square matrices that suit `conv_matrix.wgsl`.
fn matrices(adapter: &Adapter, info: &wgpu::AdapterInfo) -> Option<MatrixShape> {
    if !adapter.features().contains(Features::EXPERIMENTAL_COOPERATIVE_MATRIX) {
        return None;
    }
    let all = adapter.cooperative_matrix_properties();
    let has = |tile: &u32| {
        all.iter().any(|p| {
            [p.m_size, p.n_size, p.k_size] == [*tile; 3]
                && p.ab_type == CooperativeScalarType::F16
                && p.cr_type == CooperativeScalarType::F32
        })
    };
    let tile = [16, 8].into_iter().find(has)?;
    let threads = info.subgroup_max_size;
    (threads.is_power_of_two() && (8..=128).contains(&threads))
        .then_some(MatrixShape { tile, threads })
}

/// The limits to ask for: those that the shaders need, and the largest buffers that there are.
pub(super) fn needed(available: &Limits) -> Limits {
    Limits {
        max_storage_buffers_per_shader_stage: 6,
        // shaders/san/deform.wgsl uses most.
        max_compute_workgroup_storage_size: 12 << 10,
        max_compute_invocations_per_workgroup: 256,
        max_storage_buffer_binding_size: available.max_storage_buffer_binding_size,
        max_buffer_size: available.max_buffer_size,
        ..Limits::downlevel_defaults()
    }
}
