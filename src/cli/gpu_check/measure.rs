//! Measures the duration of a restoration at one pair of sizes, per part and kernel.

use super::host_to_host::{HostToHost, Timing};
use super::scene::{EVENTS, Scene, finite};
use super::small::{HALF_DB, agreement_db};
use crate::cli::failure::Failure;
use gem_live::Deblurrer;
use gem_live::engine::Engine;
use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::cuda::{CudaEngine, DeviceInfo, KernelTime, Precision};
use gem_live::image::Size;
use gem_live::network::Weights;
use serde_json::{Value, json};
use std::process::Command;

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

    /// Compares two instants with the CPU, from events, at the network's own size. Where that is larger
    /// than the sensor, events are mirrored.
    pub(super) fn compare(&self) -> Result<(), Failure> {
        let (image, padded) = self.network();
        let scene = Scene::new(image, self.sensor, EVENTS).padded_to(padded);
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
        let Self { repeats, further, quick, image, sensor, .. } = *self;
        let timing = Timing { repeats, further, quick, image, sensor };
        timing.run(&mut Deblurrer::new(Box::new(self.engine()?)))
    }
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
