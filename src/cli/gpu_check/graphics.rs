//! The wgpu engine, which a card offers through Vulkan beside CUDA.

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

/// Kind of a device, and why the engine cannot use it, if it cannot.
type Facts = (DeviceKind, Option<String>);

/// For each device the reason why it is not measured. All graphics devices that can be used are; of
/// the `software` only the first, where there is no other and it was requested.
fn reasons(found: &[Facts], software: bool) -> Vec<Option<String>> {
    let usable = |(kind, unusable): &Facts, is_software: bool| {
        unusable.is_none() && (*kind == DeviceKind::Software) == is_software
    };
    let rehearsed = found
        .iter()
        .position(|facts| usable(facts, true))
        .filter(|_| software && !found.iter().any(|facts| usable(facts, false)));
    let reason = |(number, facts): (usize, &Facts)| match facts {
        (_, Some(why)) => Some(format!("it cannot be used: {why}")),
        (DeviceKind::Software, None) if rehearsed != Some(number) => Some(
            "it is software: --wgpu-software measures it where there is no graphics device".into(),
        ),
        _ => None,
    };
    found.iter().enumerate().map(reason).collect()
}

/// Compares and measures all sizes on every graphics device; a row of the report for each device, size
/// and precision.
pub(super) fn run(
    settings: &Settings<'_>,
    sizes: &[(Size, Size)],
    steps: &Steps,
) -> Result<(), Failure> {
    let found = match adapters() {
        Ok(found) => found,
        Err(why) => return steps.not_run("wgpu", &why),
    };
    let facts: Vec<Facts> = found.iter().map(|a| (a.kind, a.unusable.clone())).collect();
    let (mut devices, mut skipped) = (Vec::new(), Vec::new());
    for (device, reason) in found.into_iter().zip(reasons(&facts, settings.software)) {
        match reason {
            None => devices.push(device),
            Some(why) => skipped.push(format!("{}: {why}", device.name)),
        }
    }
    if devices.is_empty() {
        let why = format!("no device is measured: {}", skipped.join("; "));
        return steps.not_run("wgpu", &why);
    }
    skipped.into_iter().try_for_each(|line| steps.skip(line))?;
    devices.iter().try_for_each(|device| run_on(device, settings, sizes, steps))
}

fn run_on(
    device: &AdapterInfo,
    settings: &Settings<'_>,
    sizes: &[(Size, Size)],
    steps: &Steps,
) -> Result<(), Failure> {
    let name = &device.name;
    println!("{name}");
    let mut precisions = vec![(Precision::Single, SINGLE_DB)];
    if device.half {
        precisions.insert(0, (Precision::Half, HALF_DB));
    } else {
        let what = format!("wgpu in half precision on {name}");
        steps.not_run(&what, "the device's shaders have none")?;
    }
    for (image, sensor) in sizes.iter().copied() {
        for (precision, needed_db) in precisions.iter().copied() {
            let one = One { settings, device, precision, image, sensor };
            let what = format!("wgpu, {name}, {precision:?}, {image}, events {sensor}");
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

    /// Two instants from events, mirrored at the sensor's edge, at a small part of the size: the
    /// processor is slow.
    fn compare(&self, needed_db: f64) -> Result<(), Failure> {
        let part = |n: usize, least: usize| (n / 4).next_multiple_of(16).max(least);
        let image = Size::new(part(self.image.width, 32), part(self.image.height, 32));
        let sensor = Size::new(part(self.sensor.width, 16), part(self.sensor.height, 16));
        let padded = Size::new(sensor.width + 7, sensor.height + 5);
        let scene = Scene::new(image, sensor, EVENTS / 16).padded_to(padded);
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
        let (subgroups, matrices) = (engine.subgroups(), engine.matrices().map(|m| m.tile));
        let mut deblurrer = Deblurrer::new(Box::new(engine));
        let HostToHost { one_instant_ms, one_instant_p95_ms, further_instant_ms, sequence_ms } =
            timing.run(&mut deblurrer)?;
        println!("{image}, events {sensor}, {:?}: {one_instant_ms:.3} ms", self.precision);
        Ok(json!({
            "device": self.device.name, "ordinal": self.device.ordinal,
            "precision": format!("{:?}", self.precision),
            "subgroups": subgroups, "matrices": matrices,
            "image": image.to_string(), "sensor": sensor.to_string(),
            "one_instant_ms": one_instant_ms, "one_instant_p95_ms": one_instant_p95_ms,
            "further_instant_ms": further_instant_ms, "sequence_ms": sequence_ms,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_graphics_device_is_measured_and_the_others_have_a_reason() {
        use DeviceKind::{Discrete, Integrated, Software};
        let measured = |found: &[(DeviceKind, bool)], software| -> Vec<bool> {
            let facts = |(kind, usable): &(DeviceKind, bool)| {
                (*kind, (!usable).then(|| "a limit".to_owned()))
            };
            let facts: Vec<Facts> = found.iter().map(facts).collect();
            let reasons = reasons(&facts, software);
            for ((_, unusable), reason) in facts.iter().zip(&reasons) {
                let Some(reason) = reason else { continue };
                let wanted = if unusable.is_some() { "a limit" } else { "--wgpu-software" };
                assert!(reason.contains(wanted), "{reason}");
            }
            reasons.iter().map(Option::is_none).collect()
        };
        let all = [(Discrete, true), (Discrete, false), (Integrated, true), (Software, true)];
        for software in [false, true] {
            assert_eq!(measured(&all, software), [true, false, true, false]);
        }
        let none = [(Integrated, false), (Software, false), (Software, true), (Software, true)];
        assert_eq!(measured(&none, false), [false; 4]);
        assert_eq!(measured(&none, true), [false, false, true, false]);
    }
}
