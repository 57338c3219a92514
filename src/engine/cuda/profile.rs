//! Where the time on the card goes.

use super::device::Device;
use super::session::Session;
use super::work::Work;
use super::{Cost, CudaEngine, queue};
use crate::engine::queued;
use crate::engine::{Engine, EngineError, Events, Image, OutputFormat};
use crate::event::Thresholds;
use crate::image::{Rounding, Size};
use crate::time::TimeRange;
use cudarc::driver::{CudaStream, DriverError};

/// One kernel's time, measured alone.
#[derive(Clone, Debug)]
pub struct KernelTime {
    /// The kernel.
    pub name: String,
    /// `events`, `image` or `rest`.
    pub part: &'static str,
    /// What it has to do at least.
    pub cost: Cost,
    /// Its time in milliseconds, the median of rows of launches; zero if it was only counted.
    pub ms: f64,
}

/// Times on the card in milliseconds, medians, without copies where they are not named.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Counting the events and encoding them.
    pub events_ms: f64,
    /// Encoding the image.
    pub image_ms: f64,
    /// Fusion and decoder, and the conversion to pixels.
    pub rest_ms: f64,
    /// Copying the image and the events to the card.
    pub upload_ms: f64,
    /// Copying one image in eight bits from it.
    pub download_ms: f64,
    /// All kernels in order, each timed alone.
    pub kernels: Vec<KernelTime>,
    /// Why the driver replays no captured graphs, if it does not.
    pub no_graphs: Option<String>,
}

/// What is measured: pixels for a display.
const FORM: OutputFormat = OutputFormat::U8(Rounding::Nearest);

/// Launches of a kernel that are timed together, one after the other in a graph: the time that the
/// driver needs to start one alone is that of a small kernel.
const IN_A_ROW: usize = 10;

const PARTS: [&str; 3] = ["events", "image", "rest"];

impl Session {
    fn part(&mut self, device: &Device, part: &str) -> Result<&Work, DriverError> {
        match part {
            "events" => Ok(&self.events[0]),
            "image" => self.image(device, 0),
            _ => self.rest(device, 0, 0, FORM),
        }
    }
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
        self.restore_borrowed(blur, events, OutputFormat::U8(Rounding::Nearest), &mut |_, _| {})?;
        let words = 2 * events.events.len();
        self.measure(words, repeats).map_err(|e| self.fail(e))
    }

    /// All kernels for an image and a sensor, with what they have to do; nothing is run.
    ///
    /// # Errors
    /// Sizes that the network does not accept, or too little memory.
    pub fn count(&mut self, image: Size, sensor: Size) -> Result<Vec<KernelTime>, EngineError> {
        queued::idle(self.jobs.len())?;
        let events = Events {
            events: &[],
            exposure: TimeRange::new(0.0, 1.0),
            targets: &[],
            sensor,
            padded: sensor,
            thresholds: Thresholds::DEFAULT,
        };
        self.prepare(queue::shape_of(image, &events)?)?;
        let Some(session) = &mut self.session else { return Ok(Vec::new()) };
        let mut out = Vec::new();
        for part in PARTS {
            let work = match session.part(&self.device, part) {
                Ok(work) => work,
                Err(e) => return Err(self.fail(e)),
            };
            out.extend(work.launches.iter().map(|launch| KernelTime {
                name: launch.name.clone(),
                part,
                cost: launch.cost,
                ms: 0.0,
            }));
        }
        Ok(out)
    }

    fn measure(&mut self, words: usize, repeats: usize) -> Result<Profile, DriverError> {
        let device = &self.device;
        let Some(session) = &mut self.session else {
            // Only without targets: nothing was computed, so there is nothing to measure.
            return Ok(Profile::default());
        };
        let mut copies = |form: Option<OutputFormat>, stream: &CudaStream| {
            median(repeats, || timed(device, stream, || session.copy_only(device, words, form)))
        };
        let mut out = Profile {
            upload_ms: copies(None, &device.uploads)?,
            download_ms: copies(Some(FORM), &device.downloads)?,
            ..Profile::default()
        };
        for part in PARTS {
            let work = session.part(device, part)?;
            let stream = &work.stream;
            let ms = median(repeats, || timed(device, stream, || work.run()))?;
            match part {
                "events" => out.events_ms = ms,
                "image" => out.image_ms = ms,
                _ => out.rest_ms = ms,
            }
            if let (None, Err(why)) = (&out.no_graphs, &work.graph) {
                out.no_graphs = Some(why.clone());
            }
            for launch in &work.launches {
                let count = IN_A_ROW.min(repeats.max(1));
                let row = (0..count).map(|i| launch.following(i)).collect();
                let row = Work::capture(device, stream, None, row)?;
                let ms = median(repeats, || timed(device, stream, || row.run()))?;
                out.kernels.push(KernelTime {
                    name: launch.name.clone(),
                    part,
                    cost: launch.cost,
                    ms: ms / count as f64,
                });
            }
        }
        Ok(out)
    }
}

fn timed(
    device: &Device,
    stream: &CudaStream,
    f: impl FnOnce() -> Result<(), DriverError>,
) -> Result<f64, DriverError> {
    let (start, end) = (device.timer()?, device.timer()?);
    start.record(stream)?;
    f()?;
    end.record(stream)?;
    end.synchronize()?;
    Ok(f64::from(start.elapsed_ms(&end)?))
}

fn median(
    repeats: usize,
    mut f: impl FnMut() -> Result<f64, DriverError>,
) -> Result<f64, DriverError> {
    f()?;
    let mut all = (0..repeats.max(1)).map(|_| f()).collect::<Result<Vec<_>, _>>()?;
    all.sort_by(f64::total_cmp);
    Ok(all[all.len() / 2])
}
