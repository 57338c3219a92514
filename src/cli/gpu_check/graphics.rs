//! The engine of wgpu, which a card offers through Vulkan beside CUDA.

use super::host_to_host::{HostToHost, Timing};
use super::report::Steps;
use super::scene::{EVENTS, Scene, finite};
use super::small::{HALF_DB, SINGLE_DB, agreement_db};
use crate::cli::failure::Failure;
use gem_live::Deblurrer;
use gem_live::engine::Engine;
use gem_live::engine::cpu::CpuEngine;
use gem_live::engine::wgpu::{AdapterInfo, DeviceKind, Precision, WgpuEngine, adapters};
use gem_live::image::Size;
use gem_live::network::Weights;
use serde_json::{Value, json};

/// What is measured, and how often.
pub(super) struct Settings<'a> {
    pub(super) weights: &'a Weights,
    /// The processor as a graphics device is measured, too.
    pub(super) software: bool,
    pub(super) repeats: usize,
    pub(super) further: usize,
    pub(super) quick: bool,
}

/// The device to measure, or why there is none.
pub(super) fn device(software: bool) -> Result<AdapterInfo, String> {
    let found = adapters()?;
    let names: Vec<String> = found.iter().map(|a| a.name.clone()).collect();
    let real = |a: &AdapterInfo| software || a.kind != DeviceKind::Software;
    let Some(device) = found.into_iter().find(real) else {
        let names = names.join(", ");
        return Err(format!(
            "there are only software devices ({names}): --wgpu-software measures one"
        ));
    };
    match &device.unusable {
        Some(why) => Err(format!("{} cannot be used: {why}", device.name)),
        None => Ok(device),
    }
}

/// Compares and measures all sizes; a row of the report for each size and precision.
pub(super) fn run(
    settings: &Settings<'_>,
    sizes: &[(Size, Size)],
    steps: &Steps,
) -> Result<(), Failure> {
    let device = match device(settings.software) {
        Ok(device) => device,
        Err(why) => return steps.not_run("wgpu", &why),
    };
    println!("{}", device.name);
    let mut precisions = vec![(Precision::Single, SINGLE_DB)];
    if device.half {
        precisions.insert(0, (Precision::Half, HALF_DB));
    } else {
        steps.not_run("wgpu in half precision", "the device's shaders have none")?;
    }
    for (image, sensor) in sizes.iter().copied() {
        for (precision, needed_db) in precisions.iter().copied() {
            let one = One { settings, device: &device, precision, image, sensor };
            let what = format!("wgpu, {precision:?}, {image}, events {sensor}");
            steps.run(&format!("{what}, against the CPU"), || one.compare(needed_db))?;
            if let Some(row) = steps.run(&what, || one.measure())? {
                steps.add_graphics(row)?;
            }
        }
    }
    Ok(())
}

/// One size in one precision.
struct One<'a> {
    settings: &'a Settings<'a>,
    device: &'a AdapterInfo,
    precision: Precision,
    image: Size,
    sensor: Size,
}

impl One<'_> {
    fn engine(&self) -> Result<WgpuEngine, Failure> {
        Ok(WgpuEngine::with_precision(self.settings.weights, self.device, self.precision)?)
    }

    /// Two instants from events, at a small part of the size: the processor is slow.
    fn compare(&self, needed_db: f64) -> Result<(), Failure> {
        let part = |n: usize, least: usize| (n / 4).next_multiple_of(16).max(least);
        let image = Size::new(part(self.image.width, 32), part(self.image.height, 32));
        let sensor = Size::new(part(self.sensor.width, 16), part(self.sensor.height, 16));
        let scene = Scene::new(image, sensor, EVENTS / 16);
        let mut cpu = CpuEngine::new(self.settings.weights, 0)?;
        let want = scene.with(2, |blur, events| cpu.restore_events(blur, events))?;
        let got = scene.restore(&mut self.engine()?, 2)?;
        finite(&got)?;
        let db = agreement_db(&got, &want);
        println!("{image}, events {sensor}: {db:.1} dB against the CPU");
        if db.is_nan() || db < needed_db {
            return Err(format!("{db:.1} dB against the CPU ({needed_db} dB needed)").into());
        }
        Ok(())
    }

    fn measure(&self) -> Result<Value, Failure> {
        let Settings { repeats, further, quick, .. } = *self.settings;
        let (image, sensor) = (self.image, self.sensor);
        let timing = Timing { repeats, further, quick, image, sensor };
        let engine = self.engine()?;
        let matrices = engine.matrices().map(|m| m.tile);
        let mut deblurrer = Deblurrer::new(Box::new(engine));
        let HostToHost { one_instant_ms, one_instant_p95_ms, further_instant_ms, sequence_ms } =
            timing.run(&mut deblurrer)?;
        println!("{image}, events {sensor}, {:?}: {one_instant_ms:.3} ms", self.precision);
        Ok(json!({
            "device": self.device.name, "precision": format!("{:?}", self.precision),
            "matrices": matrices,
            "image": image.to_string(), "sensor": sensor.to_string(),
            "one_instant_ms": one_instant_ms, "one_instant_p95_ms": one_instant_p95_ms,
            "further_instant_ms": further_instant_ms, "sequence_ms": sequence_ms,
        }))
    }
}
