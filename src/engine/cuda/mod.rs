//! SAN on an NVIDIA card, by the kernels in `kernels/`.
//!
//! Everything that unsafe code touches is here: the driver's calls and the memory they use. A
//! plan holds all memory and launches for one pair of sizes; a restoration uploads, replays
//! three captured graphs (events, image, the rest), and copies results to the host while the
//! next instant is being computed.

#![allow(clippy::indexing_slicing, reason = "indices follow from shapes that are checked on entry")]

mod arguments;
mod device;
mod layers;
mod pack;
mod plan;
mod profile;

pub use device::{Cost, DeviceInfo, devices};
pub use profile::{KernelTime, Profile};

use super::{Engine, EngineError, Events, Image, Restored, Voxels};
use crate::event::{BINS, EgerError, Span};
use crate::frame::Size;
use arguments::EgerHeader;
use cudarc::driver::{CudaEvent, CudaGraph, CudaStream, DriverError, PinnedHostSlice, result, sys};
use device::{Device, Launch};
use layers::Layers;
use plan::{Plan, Shape};

/// Number format of features and weights; sums are in single precision in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Half precision on tensor cores.
    Half,
    /// Single precision without tensor cores: slow, for checking.
    Single,
}

/// Events that a plan has room for at first; more than any MS-RBD frame has.
const FIRST_EVENTS: usize = 1 << 18;

/// The network on a card.
pub struct CudaEngine {
    // Before the device: memory goes first when the engine is dropped.
    session: Option<Session>,
    layers: Layers,
    precision: Precision,
    device: Device,
}

/// A plan with its captured graphs and its staging memory.
struct Session {
    events: Work,
    image: Work,
    finish: [Work; 2],
    plan: Plan,
    blur: PinnedHostSlice<f32>,
    packed: PinnedHostSlice<u32>,
    headers: PinnedHostSlice<f64>,
    voxels: PinnedHostSlice<f32>,
    results: [PinnedHostSlice<f32>; 2],
    computed: [CudaEvent; 2],
    copied: [CudaEvent; 2],
}

/// Launches, and the same as one graph where the driver can capture them.
struct Work {
    launches: Vec<Launch>,
    graph: Option<Graph>,
}

struct Graph(CudaGraph);

// SAFETY: the driver's graph handles may be used from any thread, one at a time; the engine that
// owns them is used through `&mut`.
unsafe impl Send for Graph {}

impl Work {
    fn capture(device: &Device, launches: Vec<Launch>) -> Self {
        let record = || {
            let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
            device.work.begin_capture(mode)?;
            let ran = launches.iter().try_for_each(|l| l.run(&device.work));
            // The capture must end whatever happened, or the stream stays unusable.
            let graph = device.work.end_capture(sys::CUgraphInstantiate_flags(0));
            ran.and(graph)
        };
        // Without capture, the launches run one by one.
        let graph = record().ok().flatten().map(Graph);
        Self { launches, graph }
    }

    fn run(&self, stream: &CudaStream) -> Result<(), DriverError> {
        match &self.graph {
            Some(graph) => graph.0.launch(),
            None => self.launches.iter().try_for_each(|l| l.run(stream)),
        }
    }
}

impl Session {
    fn new(device: &Device, mut plan: Plan) -> Result<Self, DriverError> {
        let shape = plan.shape;
        let take = std::mem::take::<Vec<Launch>>;
        let [first, second] = &mut plan.finish;
        let area = shape.image.area();
        let maps = if shape.events.is_some() { 0 } else { shape.padded.area() };
        Ok(Self {
            events: Work::capture(device, take(&mut plan.events)),
            image: Work::capture(device, take(&mut plan.image)),
            finish: [Work::capture(device, take(first)), Work::capture(device, take(second))],
            blur: device.pinned(3 * area)?,
            packed: device.pinned(2 * shape.events.unwrap_or(0))?,
            headers: device.pinned(2 * size_of::<EgerHeader>() / 8)?,
            voxels: device.pinned(crate::event::CHANNELS * maps)?,
            results: [device.pinned(6 * area)?, device.pinned(6 * area)?],
            computed: [device.context().new_event(None)?, device.context().new_event(None)?],
            copied: [device.context().new_event(None)?, device.context().new_event(None)?],
            plan,
        })
    }

    /// Puts what one target needs on its way, and counts and encodes its events.
    fn start(
        &mut self,
        device: &Device,
        slot: usize,
        input: &Input<'_>,
    ) -> Result<(), DriverError> {
        let stream = device.work.cu_stream();
        match input {
            Input::Header(header) => {
                let words = size_of::<EgerHeader>() / 8;
                let at = &mut self.headers.as_mut_slice()?[slot * words..][..words];
                at.copy_from_slice(bytemuck::cast_slice(std::slice::from_ref(header)));
                let (counts, bytes) = self.plan.counts;
                // SAFETY: the plan owns both pieces of memory; this slot's staging is rewritten
                // only after its result has arrived.
                unsafe {
                    result::memcpy_htod_async(self.plan.header, at, stream)?;
                    result::memset_d8_async(counts, 0, bytes, stream)?;
                }
            }
            Input::Map(map) => {
                // The one staging buffer may still be read for the target before.
                device.work.synchronize()?;
                let at = self.voxels.as_mut_slice()?;
                at.copy_from_slice(map);
                // SAFETY: the plan owns as much memory as `at` holds.
                unsafe { result::memcpy_htod_async(self.plan.voxels, at, stream)? };
            }
        }
        self.events.run(&device.work)
    }

    fn encode_image(&mut self, device: &Device, blur: &Image<'_>) -> Result<(), DriverError> {
        let at = self.blur.as_mut_slice()?;
        at.copy_from_slice(blur.data);
        // SAFETY: the plan owns as much memory as `at` holds, and the staging is rewritten only
        // after all results that depend on it have arrived.
        unsafe { result::memcpy_htod_async(self.plan.blur, at, device.work.cu_stream())? };
        self.image.run(&device.work)
    }

    /// Computes the rest, and sends the result to the host on the second stream.
    fn finish(&mut self, device: &Device, slot: usize) -> Result<(), DriverError> {
        self.finish[slot].run(&device.work)?;
        self.computed[slot].record(&device.work)?;
        device.copies.wait(&self.computed[slot])?;
        let to = self.results[slot].as_mut_slice()?;
        // SAFETY: the plan owns as much memory as `to` holds; both slots' last use has ended.
        unsafe {
            result::memcpy_dtoh_async(to, self.plan.outputs[slot], device.copies.cu_stream())?;
        }
        self.copied[slot].record(&device.copies)
    }

    fn collect(&mut self, slot: usize) -> Result<Restored, DriverError> {
        self.copied[slot].synchronize()?;
        let (latent, ratio) = {
            let all = self.results[slot].as_slice()?;
            all.split_at(all.len() / 2)
        };
        Ok(Restored { latent: latent.to_vec(), ratio: ratio.to_vec() })
    }
}

/// What differs from target to target.
enum Input<'a> {
    Header(EgerHeader),
    Map(&'a [f32]),
}

impl CudaEngine {
    /// An engine on the given card.
    ///
    /// # Errors
    /// The card cannot be used or has too little memory; see [`DeviceInfo::unusable`].
    pub fn new(
        weights: &crate::network::Weights,
        info: &DeviceInfo,
        precision: Precision,
    ) -> Result<Self, EngineError> {
        let device = Device::open(info)?;
        let layers = Layers::new(&device, weights, precision).map_err(|e| device.failed(e))?;
        Ok(Self { session: None, layers, precision, device })
    }

    /// The card's number and name.
    pub fn name(&self) -> &str {
        self.device.name()
    }

    /// Makes a plan for `shape`, unless the last one serves.
    fn prepare(&mut self, shape: Shape) -> Result<(), EngineError> {
        let serves = |s: &Session| match (s.plan.shape.events, shape.events) {
            (Some(room), Some(events)) => {
                room >= events && Shape { events: shape.events, ..s.plan.shape } == shape
            }
            _ => s.plan.shape == shape,
        };
        if self.session.as_ref().is_some_and(serves) {
            return Ok(());
        }
        // What the old plan holds is free before the new one asks.
        self.session = None;
        let room = shape.events.map(|n| n.next_power_of_two().max(FIRST_EVENTS));
        let shape = Shape { events: room, ..shape };
        let session = Plan::new(&self.device, &self.layers, self.precision, shape)
            .and_then(|plan| Session::new(&self.device, plan));
        self.session = Some(session.map_err(|e| self.device.failed(e))?);
        Ok(())
    }

    fn run(
        &mut self,
        blur: &Image<'_>,
        inputs: &[Input<'_>],
    ) -> Result<Vec<Restored>, EngineError> {
        let Some(session) = &mut self.session else { return Ok(Vec::new()) };
        let device = &self.device;
        let result = (|| {
            let mut out = Vec::with_capacity(inputs.len());
            for (i, input) in inputs.iter().enumerate() {
                session.start(device, i % 2, input)?;
                if i == 0 {
                    session.encode_image(device, blur)?;
                }
                session.finish(device, i % 2)?;
                if i > 0 {
                    out.push(session.collect((i - 1) % 2)?);
                }
            }
            if let Some(last) = inputs.len().checked_sub(1) {
                out.push(session.collect(last % 2)?);
            }
            device.context().check_err()?;
            Ok(out)
        })();
        result.map_err(|e| {
            // Staging memory must not be freed under a copy that is still running.
            let _ = (device.work.synchronize(), device.copies.synchronize());
            self.session = None;
            self.device.failed(e)
        })
    }
}

impl Engine for CudaEngine {
    fn restore(
        &mut self,
        blur: &Image<'_>,
        targets: &[Voxels<'_>],
    ) -> Result<Vec<Restored>, EngineError> {
        blur.check()?;
        targets.iter().try_for_each(Voxels::check)?;
        let image = Size::new(blur.width, blur.height);
        let mut out = Vec::with_capacity(targets.len());
        // Maps may differ in size; runs of one size share an image encoding.
        let same = |a: &Voxels<'_>, b: &Voxels<'_>| (a.height, a.width) == (b.height, b.width);
        for run in targets.chunk_by(same) {
            let size = run.first().map_or(Size::new(16, 16), |v| Size::new(v.width, v.height));
            self.prepare(Shape { image, sensor: size, padded: size, events: None })?;
            let inputs: Vec<Input<'_>> = run.iter().map(|v| Input::Map(v.data)).collect();
            out.extend(self.run(blur, &inputs)?);
        }
        Ok(out)
    }

    fn restore_events(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
    ) -> Result<Vec<Restored>, EngineError> {
        blur.check()?;
        let Size { width, height } = events.padded;
        let fits = width >= events.sensor.width && height >= events.sensor.height;
        // A row is packed into 16 bits and a column into 15.
        if width < 16 || height < 16 || !fits || events.sensor.area() == 0 || width > 1 << 15 {
            let text = format!("a {width}x{height} event map from a {} sensor", events.sensor);
            return Err(EngineError::Shape(text));
        }
        let exposure = check_exposure(events.exposure)?;
        events.targets.iter().try_for_each(|t| check_target(*t))?;
        if events.targets.is_empty() {
            return Ok(Vec::new());
        }
        self.prepare(Shape {
            image: Size::new(blur.width, blur.height),
            sensor: events.sensor,
            padded: events.padded,
            events: Some(events.events.len()),
        })?;
        let Some(session) = &mut self.session else { return Ok(Vec::new()) };
        let base = exposure.start_us.floor();
        let failed = |e| self.device.failed(e);
        let packed = session.packed.as_mut_slice().map_err(failed)?;
        let count = pack_events(events, base as i64, packed)?;
        let header = |target: &Span| EgerHeader {
            base,
            start: exposure.start_us,
            bin: exposure.duration_us() / BINS as f64,
            target_start: target.start_us,
            target_end: target.end_us,
            events: count as u32,
            unused: 0,
        };
        if count > 0 {
            let (to, stream) = (session.plan.packed_events, self.device.work.cu_stream());
            // SAFETY: the plan has room for as many events as the staging, which is rewritten
            // only after all results have arrived.
            unsafe { result::memcpy_htod_async(to, &packed[..2 * count], stream) }
                .map_err(|e| self.device.failed(e))?;
        }
        let inputs: Vec<_> = events.targets.iter().map(|t| Input::Header(header(t))).collect();
        self.run(blur, &inputs)
    }
}

/// The exposures that EGER takes, and those short enough for 32 bits of microseconds.
fn check_exposure(span: Span) -> Result<Span, EngineError> {
    let duration = span.duration_us();
    if !(duration.is_finite() && duration > 0.0 && duration < f64::from(u32::MAX) - 1.0) {
        return Err(EgerError::Exposure(span.start_us, span.end_us).into());
    }
    Ok(span)
}

fn check_target(span: Span) -> Result<(), EngineError> {
    let duration = span.duration_us();
    if duration.is_finite() && duration >= 0.0 {
        return Ok(());
    }
    Err(EgerError::Target(span.start_us, span.end_us).into())
}

/// Packs the events of the exposure into two words each and returns how many there are.
fn pack_events(events: &Events<'_>, base_us: i64, to: &mut [u32]) -> Result<usize, EngineError> {
    let (span, Size { width, height }) = (events.exposure, events.sensor);
    let mut slots = to.as_chunks_mut::<2>().0.iter_mut();
    let mut count = 0;
    for event in events.events {
        let t_us = event.t_us as f64;
        if t_us < span.start_us || t_us >= span.end_us {
            continue;
        }
        let (x, y) = (event.x, event.y);
        if usize::from(x) >= width || usize::from(y) >= height {
            return Err(EgerError::Outside { x, y, width, height }.into());
        }
        if let Some(slot) = slots.next() {
            let place = u32::from(y) << 16 | u32::from(event.on) << 15 | u32::from(x);
            *slot = [(event.t_us - base_us) as u32, place];
            count += 1;
        }
    }
    Ok(count)
}
