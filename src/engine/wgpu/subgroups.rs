//! Whether the threads of a subgroup are neighbours, as shaders that share weights among them need.

use super::device::Device;
use super::mapped::Mapped;
use super::plan::Step;
use super::shaders::KernelName;
use wgpu::{BufferUsages, MapMode};

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
}
