//! Measures the duration of a restoration at one pair of sizes, per part and kernel.

use super::scene::{Scene, finite};
use super::small::{HALF_DB, agreement_db};
use crate::cli::failure::Failure;
use gem_live::Deblurrer;
use gem_live::engine::Engine;
use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::cuda::{CudaEngine, DeviceInfo, KernelTime, Precision};
use gem_live::exposure::Exposure;
use gem_live::image::{Rounding, Size};
use gem_live::network::Weights;
use serde_json::{Value, json};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

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
    /// Whether to measure without waiting for the clocks of the device to settle.
    pub(super) quick: bool,
    pub(super) image: Size,
    pub(super) sensor: Size,
}

/// Milliseconds from frame and events in host memory to pixels in host memory, with padding.
struct HostToHost {
    one_instant_ms: f64,
    one_instant_p95_ms: f64,
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

    /// Compares two instants with the CPU, from events, at the network's own size.
    pub(super) fn compare(&self) -> Result<(), Failure> {
        let (image, sensor) = self.network();
        let scene = Scene::new(image, sensor, EVENTS);
        let mut cpu = CpuEngine::new(self.weights, 0)?;
        let want = scene.with(2, |blur, events| cpu.restore_events(blur, events))?;
        let got = scene.restore(&mut self.engine()?, 2)?;
        finite(&got)?;
        let db = agreement_db(&got, &want);
        println!("{}, events {}: {db:.1} dB against the CPU", self.image, self.sensor);
        if db.is_nan() || db < HALF_DB {
            return Err(format!("{db:.1} dB against the CPU ({HALF_DB} dB needed)").into());
        }
        Ok(())
    }

    /// Restores one exposure.
    pub(super) fn once(&self) -> Result<(), Failure> {
        let (image, sensor) = self.network();
        finite(&Scene::new(image, sensor, EVENTS).restore(&mut self.engine()?, 1)?)
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
            "one_instant_p95_ms": times.one_instant_p95_ms,
            "clocks": clocks(self.card.ordinal),
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
        let one = self.times(&mut deblurrer, &exposure, &[0.5])?;
        let (one_instant_ms, one_instant_p95_ms) = (quantile(&one, 0.5), quantile(&one, 0.95));
        let count = self.further + 1;
        let all: Vec<f64> = (0..count).map(|i| (i as f64 + 0.5) / count as f64).collect();
        let all_ms = quantile(&self.times(&mut deblurrer, &exposure, &all)?, 0.5);
        let further_instant_ms = (all_ms - one_instant_ms) / self.further as f64;
        let sequence_ms = self.sequence(&mut deblurrer, &exposure)?;
        Ok(HostToHost { one_instant_ms, one_instant_p95_ms, further_instant_ms, sequence_ms })
    }

    /// Milliseconds of each repetition, sorted, after the device's clocks have settled.
    fn times(
        &self,
        deblurrer: &mut Deblurrer,
        exposure: &Arc<Exposure>,
        instants: &[f64],
    ) -> Result<Vec<f64>, Failure> {
        let mut once = || {
            let start = Instant::now();
            deblurrer.submit(exposure.clone(), instants, Rounding::Nearest)?;
            deblurrer.collect()?;
            Ok::<_, Failure>(start.elapsed().as_secs_f64() * 1e3)
        };
        // The first calls capture graphs, one per lane and slot.
        once()?;
        once()?;
        if !self.quick {
            warm_up(&mut once)?;
        }
        let mut all: Vec<f64> = (0..self.repeats).map(|_| once()).collect::<Result<_, _>>()?;
        all.sort_by(f64::total_cmp);
        Ok(all)
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

/// An idle device runs at a fraction of its clock: repeats until the median of ten runs no longer
/// falls by more than 2 %, for at most five seconds.
fn warm_up(once: &mut impl FnMut() -> Result<f64, Failure>) -> Result<(), Failure> {
    let start = Instant::now();
    let mut before = f64::INFINITY;
    while start.elapsed() < Duration::from_secs(5) {
        let mut ten: Vec<f64> = (0..10).map(|_| once()).collect::<Result<_, _>>()?;
        ten.sort_by(f64::total_cmp);
        let now = quantile(&ten, 0.5);
        if now > 0.98 * before {
            break;
        }
        before = now;
    }
    Ok(())
}

/// A quantile of sorted values; 0 without values.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((q * last as f64).round() as usize).copied().unwrap_or_default()
}

/// Clocks, power and temperature of the device, as nvidia-smi prints them.
fn clocks(ordinal: usize) -> Option<String> {
    let fields = "clocks.sm,clocks.mem,power.draw,temperature.gpu";
    let query = [
        format!("--query-gpu={fields}"),
        "--format=csv,noheader".into(),
        format!("--id={ordinal}"),
    ];
    let output = Command::new("nvidia-smi").args(query).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

fn report(kernels: &[KernelTime]) -> Vec<Value> {
    let one = |k: &KernelTime| {
        json!({ "kernel": k.name, "part": k.part, "ms": k.ms,
                "multiplications": k.cost.multiplications, "bytes": k.cost.bytes })
    };
    kernels.iter().map(one).collect()
}
