//! Where the time on the card goes.

use super::{CudaEngine, Work, device::Cost, device::Device};
use crate::engine::{Engine, EngineError, Events, Image};
use cudarc::driver::DriverError;

/// One kernel's time, by itself.
#[derive(Clone, Debug)]
pub struct KernelTime {
    /// The kernel.
    pub name: String,
    /// What it has to do at least.
    pub cost: Cost,
    /// Its time in milliseconds, the median.
    pub ms: f64,
}

/// Times on the card in milliseconds, medians, without copies.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Counting the events and encoding them.
    pub events_ms: f64,
    /// Encoding the image.
    pub image_ms: f64,
    /// Fusion and decoder.
    pub rest_ms: f64,
    /// All kernels in order, each launched and timed alone.
    pub kernels: Vec<KernelTime>,
    /// Whether the driver replays captured graphs.
    pub graphs: bool,
}

impl CudaEngine {
    /// Restores once, then measures the same work `repeats` times.
    ///
    /// # Errors
    /// As [`Engine::restore_events`].
    pub fn profile(
        &mut self,
        blur: &Image<'_>,
        events: &Events<'_>,
        repeats: usize,
    ) -> Result<Profile, EngineError> {
        self.restore_events(blur, events)?;
        let Some(session) = &self.session else {
            return Err(EngineError::Device("nothing was computed that could be measured".into()));
        };
        let device = &self.device;
        let parts = [&session.events, &session.image, &session.finish[0]];
        let measure = || {
            let whole = |work: &Work| median(repeats, || timed(device, || work.run(&device.work)));
            let mut kernels = Vec::new();
            for launch in parts.iter().flat_map(|w| &w.launches) {
                let ms = median(repeats, || timed(device, || launch.run(&device.work)))?;
                kernels.push(KernelTime { name: launch.name.clone(), cost: launch.cost, ms });
            }
            Ok(Profile {
                events_ms: whole(parts[0])?,
                image_ms: whole(parts[1])?,
                rest_ms: whole(parts[2])?,
                kernels,
                graphs: parts.iter().all(|w| w.graph.is_some()),
            })
        };
        measure().map_err(|e| device.failed(e))
    }
}

fn timed(device: &Device, f: impl Fn() -> Result<(), DriverError>) -> Result<f64, DriverError> {
    let (start, end) = (device.timer()?, device.timer()?);
    start.record(&device.work)?;
    f()?;
    end.record(&device.work)?;
    end.synchronize()?;
    Ok(f64::from(start.elapsed_ms(&end)?))
}

fn median(repeats: usize, f: impl Fn() -> Result<f64, DriverError>) -> Result<f64, DriverError> {
    f()?;
    let mut all = (0..repeats.max(1)).map(|_| f()).collect::<Result<Vec<_>, _>>()?;
    all.sort_by(f64::total_cmp);
    Ok(all[all.len() / 2])
}
