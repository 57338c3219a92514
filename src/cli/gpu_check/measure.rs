//! Measures the duration of a restoration at one pair of sizes, per part and kernel.

use super::scene::{Scene, finite};
use crate::cli::failure::Failure;
use gem_live::Deblurrer;
use gem_live::engine::cuda::{CudaEngine, DeviceInfo, KernelTime, Precision};
use gem_live::exposure::Exposure;
use gem_live::image::{Rounding, Size};
use gem_live::network::Weights;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

/// Events per exposure; MS-RBD has 19 to 226 thousand.
const EVENTS: usize = 100_000;
/// Number of exposures in the sequence that is restored with two in flight.
const SEQUENCE: usize = 30;

/// Settings of one measurement.
pub(super) struct Measurement<'a> {
    pub(super) weights: &'a Weights,
    pub(super) card: &'a DeviceInfo,
    /// Number of repetitions; medians are reported.
    pub(super) repeats: usize,
    /// Number of instants besides the first, to measure the cost of one more.
    pub(super) further: usize,
    pub(super) image: Size,
    pub(super) sensor: Size,
}

/// Milliseconds from frame and events in host memory to pixels in host memory, with padding.
struct HostToHost {
    one_instant_ms: f64,
    further_instant_ms: f64,
    sequence_ms: f64,
}

impl Measurement<'_> {
    fn engine(&self) -> Result<CudaEngine, Failure> {
        Ok(CudaEngine::new(self.weights, self.card, Precision::Half)?)
    }

    /// Image and event size after padding (346x260 becomes 352x272), for calls that bypass the
    /// library's own padding.
    fn network(&self) -> (Size, Size) {
        let up = |s: Size| Size::new(s.width.next_multiple_of(16), s.height.next_multiple_of(16));
        if up(self.image) == self.image {
            (self.image, self.sensor)
        } else {
            (up(self.image), up(self.sensor))
        }
    }

    /// Memory of the plan and operations of every kernel, without running anything.
    pub(super) fn count(&self) -> Result<Value, Failure> {
        let (image, sensor) = self.network();
        let mut engine = self.engine()?;
        let kernels = engine.count(image, sensor)?;
        Ok(json!({
            "image": self.image.to_string(), "sensor": self.sensor.to_string(),
            "plan_bytes": engine.plan_bytes(), "kernels": report(&kernels),
        }))
    }

    /// Runs all measurements and returns the report.
    pub(super) fn run(&self) -> Result<Value, Failure> {
        let times = self.host_to_host()?;
        let (image, sensor) = self.network();
        let mut engine = self.engine()?;
        let scene = Scene::new(image, sensor, EVENTS);
        finite(&scene.restore(&mut engine, 2)?)?;
        let profile = scene.with(1, |blur, events| engine.profile(blur, events, self.repeats))?;
        let card_ms = profile.events_ms + profile.image_ms + profile.rest_ms;
        println!(
            "{}, events {}: {:.3} ms, of which {card_ms:.3} ms on the device",
            self.image, self.sensor, times.one_instant_ms
        );
        Ok(json!({
            "image": self.image.to_string(), "sensor": self.sensor.to_string(),
            "network_image": [image.width, image.height],
            "network_sensor": [sensor.width, sensor.height],
            "one_instant_ms": times.one_instant_ms,
            "further_instant_ms": times.further_instant_ms,
            "sequence_ms": times.sequence_ms, "upload_ms": profile.upload_ms,
            "download_ms": profile.download_ms, "events_ms": profile.events_ms,
            "image_ms": profile.image_ms, "rest_ms": profile.rest_ms, "card_ms": card_ms,
            "plan_bytes": engine.plan_bytes(), "no_graphs": profile.no_graphs,
            "kernels": report(&profile.kernels),
        }))
    }

    fn host_to_host(&self) -> Result<HostToHost, Failure> {
        let exposure = Arc::new(Scene::new(self.image, self.sensor, EVENTS).exposure()?);
        let mut deblurrer = Deblurrer::new(Box::new(self.engine()?));
        let one_instant_ms = self.median(&mut deblurrer, &exposure, &[0.5])?;
        let count = self.further + 1;
        let all: Vec<f64> = (0..count).map(|i| (i as f64 + 0.5) / count as f64).collect();
        let all_ms = self.median(&mut deblurrer, &exposure, &all)?;
        let further_instant_ms = (all_ms - one_instant_ms) / self.further as f64;
        let sequence_ms = self.sequence(&mut deblurrer, &exposure)?;
        Ok(HostToHost { one_instant_ms, further_instant_ms, sequence_ms })
    }

    fn median(
        &self,
        deblurrer: &mut Deblurrer,
        exposure: &Arc<Exposure>,
        instants: &[f64],
    ) -> Result<f64, Failure> {
        let mut once = || {
            let start = Instant::now();
            deblurrer.submit(exposure.clone(), instants, Rounding::Nearest)?;
            deblurrer.collect()?;
            Ok::<_, Failure>(start.elapsed().as_secs_f64() * 1e3)
        };
        // The first calls capture graphs, one per lane and slot.
        once()?;
        once()?;
        let mut all: Vec<f64> = (0..self.repeats).map(|_| once()).collect::<Result<_, _>>()?;
        all.sort_by(f64::total_cmp);
        Ok(all.get(all.len() / 2).copied().unwrap_or_default())
    }

    /// Milliseconds per exposure of a sequence, with two in flight.
    fn sequence(
        &self,
        deblurrer: &mut Deblurrer,
        exposure: &Arc<Exposure>,
    ) -> Result<f64, Failure> {
        let start = Instant::now();
        let length = SEQUENCE.min(self.repeats);
        let mut submitted = 0;
        for _ in 0..length {
            while submitted < length && deblurrer.free_slots() > 0 {
                deblurrer.submit(exposure.clone(), &[0.5], Rounding::Nearest)?;
                submitted += 1;
            }
            deblurrer.collect()?;
        }
        Ok(start.elapsed().as_secs_f64() * 1e3 / length as f64)
    }
}

fn report(kernels: &[KernelTime]) -> Vec<Value> {
    let one = |k: &KernelTime| {
        json!({ "kernel": k.name, "part": k.part, "ms": k.ms,
                "multiplications": k.cost.multiplications, "bytes": k.cost.bytes })
    };
    kernels.iter().map(one).collect()
}
