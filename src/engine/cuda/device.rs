//! Cards: which there are, which can be used, and the opened one with its kernels.

use super::arguments::{Address, Block};
use super::error_text::text;
use super::modules::{self, ModuleError};
use crate::engine::EngineError;
use cudarc::driver::sys::{self, CUdevice_attribute_enum as Attribute};
use cudarc::driver::{
    CudaContext, CudaFunction, CudaModule, CudaSlice, CudaStream, DevicePtr, DriverError,
    LaunchConfig, PinnedHostSlice, PushKernelArg, result,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// CUDA version that a driver has to support: the kernels' PTX is of version 8.0.
const OLDEST_DRIVER: i32 = 12_000;
/// Turing, the first with the tensor-core products and matrix loads in use.
const OLDEST_CAPABILITY: (i32, i32) = (7, 5);

/// Branches of a graph beside the first: the network has up to five levels.
pub(super) const BRANCHES: usize = 4;

/// What is known of a card.
#[derive(Clone, Debug)]
pub struct DeviceInfo {
    /// Its number, the value of `--gpu`.
    pub ordinal: usize,
    /// Its name, as the driver reports it.
    pub name: String,
    /// Major and minor compute capability.
    pub capability: (i32, i32),
    /// Device memory, in bytes.
    pub total_bytes: usize,
    /// What is free of it, in bytes; `None` where the card could not be asked.
    pub free_bytes: Option<usize>,
    /// Why the engine cannot use it, if it cannot.
    pub unusable: Option<String>,
}

/// The cards that the driver knows.
///
/// # Errors
/// One line on why there is none: no driver, one too old, no card.
pub fn devices() -> Result<Vec<DeviceInfo>, String> {
    // SAFETY: loads the driver's library, whose initialisation is the driver's concern.
    if !unsafe { sys::is_culib_present() } {
        return Err("no NVIDIA driver is installed (libcuda was not found)".into());
    }
    let version = driver_version().unwrap_or(0);
    if version < OLDEST_DRIVER {
        let (major, minor) = (version / 1000, version % 1000 / 10);
        return Err(format!(
            "the NVIDIA driver supports CUDA {major}.{minor}, and 12.0 is needed: update it to version 525 or newer"
        ));
    }
    result::init().map_err(|e| format!("the NVIDIA driver does not start: {}", text(e)))?;
    let count = CudaContext::device_count().map_err(text)?;
    let cards = (0..usize::try_from(count).unwrap_or(0)).map(describe);
    let cards = cards.collect::<Result<Vec<_>, _>>().map_err(text)?;
    if cards.is_empty() { Err("the NVIDIA driver finds no card".into()) } else { Ok(cards) }
}

/// CUDA version that the driver supports, as 1000 times the major number plus 10 times the minor one.
/// Its library must be there.
pub(super) fn driver_version() -> Option<i32> {
    let mut version = 0;
    // SAFETY: the library is there and `version` outlives the call.
    let answer = unsafe { sys::cuDriverGetVersion(&raw mut version) };
    (answer == sys::CUresult::CUDA_SUCCESS).then_some(version)
}

fn describe(ordinal: usize) -> Result<DeviceInfo, DriverError> {
    let card = result::device::get(i32::try_from(ordinal).unwrap_or(i32::MAX))?;
    // SAFETY: `card` was just given by the driver.
    let (major, minor, total_bytes) = unsafe {
        (
            result::device::get_attribute(
                card,
                Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
            )?,
            result::device::get_attribute(
                card,
                Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
            )?,
            result::device::total_mem(card)?,
        )
    };
    let capability = (major, minor);
    let free = CudaContext::new(ordinal).and_then(|c| c.mem_get_info());
    let unusable = if capability < OLDEST_CAPABILITY {
        Some(format!("its compute capability is {major}.{minor}, and 7.5 (Turing) is needed"))
    } else {
        free.err().map(text)
    };
    let name = result::device::get_name(card)?;
    let free_bytes = free.ok().map(|(free, _)| free);
    Ok(DeviceInfo { ordinal, name, capability, total_bytes, free_bytes, unusable })
}

/// An opened card: its kernels, and streams for what is to overlap.
pub(super) struct Device {
    name: String,
    context: Arc<CudaContext>,
    module: Arc<CudaModule>,
    /// Copies to the card.
    pub(super) uploads: Arc<CudaStream>,
    /// Counting and encoding events.
    pub(super) events: Arc<CudaStream>,
    /// Everything else.
    pub(super) work: Arc<CudaStream>,
    /// Copies from the card.
    pub(super) downloads: Arc<CudaStream>,
    /// Nothing runs on them: they name the branches of a graph while it is captured.
    pub(super) branches: [Arc<CudaStream>; BRANCHES],
    /// Whether it was logged that the driver cannot capture graphs.
    refused_graphs: AtomicBool,
}

impl Device {
    pub(super) fn open(info: &DeviceInfo) -> Result<Self, EngineError> {
        let name = format!("CUDA device {} ({})", info.ordinal, info.name);
        if let Some(why) = &info.unusable {
            return Err(EngineError::Device(format!("{name} cannot be used: {why}")));
        }
        let open = || {
            let context = CudaContext::new(info.ordinal)?;
            // SAFETY: this engine orders its streams by its own events.
            unsafe { context.disable_event_tracking() };
            let version = driver_version().unwrap_or(0);
            let module = modules::load(&context, info.capability, &info.name, version)?;
            let stream = || context.new_stream();
            let (uploads, events, work, downloads) = (stream()?, stream()?, stream()?, stream()?);
            let branches = [stream()?, stream()?, stream()?, stream()?];
            Ok(Self {
                name: name.clone(),
                context,
                module,
                uploads,
                events,
                work,
                downloads,
                branches,
                refused_graphs: AtomicBool::new(false),
            })
        };
        let open: Result<Self, ModuleError> = open();
        open.map_err(|e| {
            EngineError::Device(match e {
                ModuleError::Driver(e) => format!("{name} cannot be used: {}", text(e)),
                ModuleError::File(why) => why,
            })
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Logs the first refusal of a graph: all others have the same reason.
    pub(super) fn without_graphs(&self, why: &str) {
        if !self.refused_graphs.swap(true, Ordering::Relaxed) {
            tracing::warn!("{}: kernels are launched one by one: {why}", self.name);
        }
    }

    /// A driver's error as the engine's, with the card's name.
    pub(super) fn failed(&self, error: DriverError) -> EngineError {
        EngineError::Device(format!("{} failed: {}", self.name, text(error)))
    }

    pub(super) fn function(&self, name: &str) -> Result<CudaFunction, DriverError> {
        let function = self.module.load_function(name)?;
        // Asking for a fact loads it now: a driver that loads lazily must not have to while a
        // graph is captured.
        function.num_regs()?;
        Ok(function)
    }

    /// A CUDA event that records the time.
    pub(super) fn timer(&self) -> Result<cudarc::driver::CudaEvent, DriverError> {
        self.context.new_event(Some(sys::CUevent_flags::CU_EVENT_DEFAULT))
    }

    /// An event that a thread sleeps for, instead of spinning.
    pub(super) fn sleeper(&self) -> Result<cudarc::driver::CudaEvent, DriverError> {
        self.context.new_event(Some(sys::CUevent_flags::CU_EVENT_BLOCKING_SYNC))
    }

    /// Waits until nothing runs; a card that failed has nothing running.
    pub(super) fn settle(&self) {
        for stream in [&self.uploads, &self.events, &self.work, &self.downloads] {
            let _ = stream.synchronize();
        }
    }

    pub(super) fn context(&self) -> &Arc<CudaContext> {
        &self.context
    }

    /// Device memory with undefined contents.
    pub(super) fn allocate(&self, bytes: usize) -> Result<Memory, DriverError> {
        // SAFETY: kernels and copies write every number before another reads it.
        let slice = unsafe { self.work.alloc::<u8>(bytes.max(16)) }?;
        Ok(Memory::of(slice, &self.work))
    }

    /// Device memory that holds `data`.
    pub(super) fn upload<T: bytemuck::Pod>(&self, data: &[T]) -> Result<Memory, DriverError> {
        let slice = self.work.clone_htod(bytemuck::cast_slice::<T, u8>(data))?;
        Ok(Memory::of(slice, &self.work))
    }

    /// Page-locked host memory, zeroed.
    pub(super) fn pinned<T: cudarc::driver::DeviceRepr + cudarc::driver::ValidAsZeroBits>(
        &self,
        length: usize,
    ) -> Result<PinnedHostSlice<T>, DriverError> {
        // SAFETY: zeroed below, before anybody sees it, and zeros are valid numbers.
        let mut memory = unsafe { self.context.alloc_pinned_with_flags::<T>(length.max(1), 0) }?;
        let start = memory.as_mut_ptr()?;
        // SAFETY: the allocation holds `length` numbers.
        unsafe { start.write_bytes(0, length) };
        Ok(memory)
    }
}

/// A piece of device memory and its address.
pub(super) struct Memory {
    _slice: CudaSlice<u8>,
    pub(super) at: Address,
}

impl Memory {
    fn of(slice: CudaSlice<u8>, stream: &CudaStream) -> Self {
        let at = slice.device_ptr(stream).0;
        Self { _slice: slice, at }
    }
}

/// The least that a kernel has to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Products with a sum.
    pub multiplications: u64,
    /// Bytes of maps and weights, each read or written once.
    pub bytes: u64,
}

/// One kernel with everything it needs.
pub(super) struct Launch {
    pub(super) name: String,
    pub(super) cost: Cost,
    pub(super) function: CudaFunction,
    pub(super) grid: (u32, u32),
    pub(super) threads: u32,
    pub(super) arguments: Block,
    /// Numbers of the launches before it, in the list that it is part of, whose results it reads.
    pub(super) after: Vec<usize>,
}

impl Launch {
    /// The same launch once more.
    pub(super) fn duplicate(&self) -> Self {
        let (name, function) = (self.name.clone(), self.function.clone());
        Self { name, function, after: self.after.clone(), ..*self }
    }

    /// The same launch at place `i` of a row of which each waits for the one before it.
    pub(super) fn following(&self, i: usize) -> Self {
        Self { after: i.checked_sub(1).into_iter().collect(), ..self.duplicate() }
    }

    pub(super) fn run(&self, stream: &CudaStream) -> Result<(), DriverError> {
        let config = LaunchConfig {
            grid_dim: (self.grid.0, self.grid.1, 1),
            block_dim: (self.threads, 1, 1),
            shared_mem_bytes: 0,
        };
        let mut launch = stream.launch_builder(&self.function);
        launch.arg(&self.arguments);
        // SAFETY: the plan that made this launch owns the memory that its arguments point at,
        // and the parameter's layout is checked against the kernels' by a test.
        unsafe { launch.launch(config) }.map(|_| ())
    }
}
