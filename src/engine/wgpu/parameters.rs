//! The shaders' uniform blocks: one structure each, laid out as in `shaders/san/`.

use crate::engine::Events;
use crate::event::{BINS, EventInput, TargetBins, count_scales};
use crate::time::TimeRange;
use bytemuck::{Pod, Zeroable};

macro_rules! blocks {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty),* $(,)? })*) => { $(
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
        pub(super) struct $name { $(pub(super) $field: $kind),* }
    )* };
}

blocks! {
    /// `conv.wgsl`
    Conv { height: u32, width: u32, source_height: u32, source_width: u32, inputs: u32, outputs: u32, weights: u32, bias: u32, first_row: u32, rows: u32, unused: [u32; 2] }
    /// `deform.wgsl`
    Deform { height: u32, width: u32, weights: u32, bias: u32, first_row: u32, rows: u32, stride: u32, unused: u32 }
    /// `fuse.wgsl`
    Fuse { height: u32, width: u32, event_width: u32, weights: u32, bias: u32, position: u32, rows: u32, columns: u32 }
    /// `fuse.wgsl`: what a pixel reads along one axis.
    Corner { event: u32, image: u32, relative: f32 }
    /// `head.wgsl`
    Head { height: u32, width: u32, weights: u32, bias: u32, noise: f32, unused: [u32; 3] }
    /// `planes.wgsl`
    Planes { area: u32, channels: u32, subtract: f32, factor: f32 }
    /// `events.wgsl`
    Cells { height: u32, width: u32, sensor_height: u32, sensor_width: u32 }
    /// `count.wgsl`, `events.wgsl`, `head.wgsl`: one target of an exposure.
    Target { overlap: [f32; BINS], total: f32, off_scale: f32, on_scale: f32, events: u32, rounding: f32, eight_bit: u32, unused: [u32; 2] }
}

impl Target {
    /// A target of `events`, for weights that read `input`; the number of events and whether the
    /// image is in eight bits are set later.
    pub(super) fn new(
        events: &Events<'_>,
        target: TimeRange,
        input: EventInput,
        rounding: f32,
    ) -> Self {
        let TargetBins { overlap, total } = TargetBins::new(events.exposure, target);
        let [off_scale, on_scale] = match input {
            EventInput::Counts => [1.0; 2],
            EventInput::Prior => count_scales(events.thresholds),
        };
        Self { overlap, total, off_scale, on_scale, rounding, ..Self::default() }
    }
}
