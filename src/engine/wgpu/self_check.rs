//! Restores a small image on this very device when an engine is made, and compares it with what the
//! processor makes of it: some shaders need what wgpu or drivers have seldom run.

use super::device::Device;
use super::mapped::Mapped;
use super::plan::Step;
use super::shaders::KernelName;
use crate::engine::cpu::CpuEngine;
use crate::engine::{Engine, EngineError, EventTensor, Image};
use crate::image::Size;
use crate::network::Weights;
use wgpu::{BufferUsages, MapMode};

/// Required agreement in dB below the largest value. Weights and pixels of half precision give more
/// than 50 dB (`tests/network/wgpu.rs`); a wrong layout gives less than 20.
pub(super) const NEEDED_DB: f64 = 40.0;

const IMAGE: Size = Size::new(48, 32);
const EVENTS: Size = Size::new(24, 16);

/// A small image with events, and the ratio of sharp to blurry that belongs to them.
pub(super) struct SelfCheck {
    blur: Vec<f32>,
    events: Vec<f32>,
    expected: Vec<f32>,
}

impl SelfCheck {
    pub(super) fn new(weights: &Weights) -> Result<Self, EngineError> {
        let number = |i: usize| (i * 7919 % 251) as f32 / 250.0;
        let channels = weights.event_input().channels();
        let count = |i: usize| (i * 31 % 17 / 14) as f32;
        let mut check = Self {
            blur: (0..3 * IMAGE.area()).map(number).collect(),
            events: (0..channels * EVENTS.area()).map(count).collect(),
            expected: Vec::new(),
        };
        check.expected = check.ratio(&mut CpuEngine::new(weights, 1)?)?;
        Ok(check)
    }

    fn ratio(&self, engine: &mut dyn Engine) -> Result<Vec<f32>, EngineError> {
        let image = Image { data: &self.blur, height: IMAGE.height, width: IMAGE.width };
        let tensor = EventTensor { data: &self.events, height: EVENTS.height, width: EVENTS.width };
        let restored = engine.restore(&image, &[tensor])?;
        Ok(restored.into_iter().next().unwrap_or_default().ratio)
    }

    /// How well an engine's result agrees with the processor's.
    pub(super) fn agreement_db(&self, engine: &mut dyn Engine) -> Result<f64, EngineError> {
        Ok(below_peak_db(&self.ratio(engine)?, &self.expected))
    }
}

/// Threads of `neighbours.wgsl`.
const THREADS: u32 = 256;

/// Whether a subgroup's threads are neighbours and at most `largest`, so that they are among every
/// `largest` threads of a workgroup. False after a failure, too.
pub(super) fn are_neighbours(device: &mut Device, largest: u32) -> bool {
    first_threads(device).is_some_and(|first| neighbours(&first, largest))
}

fn neighbours(first: &[u32], largest: u32) -> bool {
    largest > 0 && (0..).zip(first).all(|(thread, first)| thread / largest == first / largest)
}

/// The first thread of the subgroup that each thread is in.
fn first_threads(device: &mut Device) -> Option<Vec<u32>> {
    let bytes = 4 * u64::from(THREADS);
    let (written, read) = (BufferUsages::STORAGE, BufferUsages::MAP_READ);
    let result = device.buffer("first threads", bytes, written | BufferUsages::COPY_SRC);
    let download = device.buffer("download", bytes, read | BufferUsages::COPY_DST);
    let to = [result.as_entire_binding()];
    let step = Step::new(device, &KernelName::Neighbours.into(), [1; 3], to);
    let mut encoder =
        device.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    step.run(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
    encoder.copy_buffer_to_buffer(&result, 0, &download, 0, bytes);
    let submission = device.queue.submit([encoder.finish()]);
    let download = Mapped::new(download, false);
    download.request(MapMode::Read, bytes, &device.faults, None);
    if !download.wait(&device.device, Some(submission)) {
        return None;
    }
    let view = download.buffer.get_mapped_range(..bytes).ok()?;
    Some(bytemuck::pod_collect_to_vec(&view))
}

/// How far the difference lies below the largest value, in dB; not a number if a value is not.
fn below_peak_db(found: &[f32], expected: &[f32]) -> f64 {
    if found.len() != expected.len() || found.is_empty() {
        return f64::NAN;
    }
    let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
    let mean = found.iter().zip(expected).map(square).sum::<f64>() / found.len() as f64;
    let peak = expected.iter().fold(0.0_f64, |m, v| m.max(f64::from(v.abs())));
    20.0 * peak.log10() - 10.0 * mean.log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subgroups_of_other_threads_or_more_of_them_are_noticed() {
        let of = |size: u32| (0..THREADS).map(|t| t / size * size).collect::<Vec<_>>();
        assert!(neighbours(&of(32), 32) && neighbours(&of(32), 64) && neighbours(&of(8), 32));
        assert!(!neighbours(&of(64), 32) && !neighbours(&of(32), 0));
        // Every other thread.
        let other: Vec<u32> = (0..THREADS).map(|t| t % 2 + t / 64 * 64).collect();
        assert!(neighbours(&other, 64) && !neighbours(&other, 32));
    }

    #[test]
    fn a_wrong_result_is_far_from_the_needed_agreement() {
        let right: Vec<f32> = (0..100).map(|i| (i % 10) as f32).collect();
        let close: Vec<f32> = right.iter().map(|v| v * 1.001).collect();
        let turned: Vec<f32> = right.iter().rev().copied().collect();
        assert!(below_peak_db(&close, &right) > NEEDED_DB);
        assert!(below_peak_db(&turned, &right) < NEEDED_DB);
        assert!(below_peak_db(&right, &right) > NEEDED_DB);
        let missing = [f32::NAN; 100];
        assert!(below_peak_db(&missing, &right).is_nan());
    }
}
