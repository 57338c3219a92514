//! The kernels' parameters: one structure each, laid out as in the kernels' sources.

use crate::event::BINS;
use bytemuck::{Pod, Zeroable};

/// An address in device memory.
pub(super) type Address = u64;

macro_rules! arguments {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty),* $(,)? })*) => { $(
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Default, Pod, Zeroable)]
        pub(super) struct $name { $(pub(super) $field: $kind),* }
    )* };
}

arguments! {
    /// `prior.cu`: what follows the counting kernels' header.
    PriorTarget { overlap: [f32; BINS], total: f32, scales: [f32; 2], unused: f32 }
    /// `eger.cu`; times in microseconds. With `prior` it is the `PriorHeader` of `prior.cu`.
    EgerHeader { base: f64, start: f64, bin: f64, target_start: f64, target_end: f64, events: u32, unused: u32, packed: Address, prior: PriorTarget }
    /// `eger.cu`
    Eger { header: Address, counts: Address, height: i32, width: i32, sensor_height: i32, sensor_width: i32 }
    /// `prior.cu`
    Prior { header: Address, counts: Address, map: Address, height: i32, width: i32 }
    /// `eger.cu` and `prior.cu`
    Voxel { planes: Address, map: Address, height: i32, width: i32 }
    /// `conv.cuh`
    Conv { input: Address, weights: Address, bias: Address, skip: Address, output: Address, height: i32, width: i32, source_height: i32, source_width: i32 }
    /// `conv.cuh`
    Project { conv: Conv, weights: Address, bias: Address, output: Address }
    /// `ends.cu`
    Stem { image: Address, weights: Address, bias: Address, output: Address, height: i32, width: i32, eight_bit: i32, unused: u32 }
    /// `ends.cu`
    Head { input: Address, weights: Address, bias: Address, image: Address, latent: Address, ratio: Address, pixels: Address, height: i32, width: i32, rounding: f32, eight_bit: i32, noise: f32, unused: u32 }
    /// `ends.cu`
    Finish { head: Head, sums: Address }
    /// `fuse.cu`
    Corner { event: u32, image: u32, relative: f32, opposite: f32 }
    /// `fuse.cu`
    Fuse { event: Address, image: Address, weights: Address, bias: Address, position: Address, rows: Address, columns: Address, output: Address, height: i32, width: i32, channels: i32, unused: u32 }
    /// `deform.cu`
    Deform { input: Address, offset_weights: Address, offset_bias: Address, weights: Address, bias: Address, output: Address, height: i32, width: i32 }
    /// `single.cu`
    SingleConv { input: Address, weights: Address, bias: Address, skip: Address, output: Address, height: i32, width: i32, kernel: i32, cin: i32, cout: i32, relu: i32 }
    /// `single.cu`
    Resize { input: Address, output: Address, height: i32, width: i32, channels: i32, source_height: i32, source_width: i32, eight_bit: i32 }
    /// `single.cu`
    SingleDeform { input: Address, offsets: Address, weights: Address, bias: Address, output: Address, height: i32, width: i32, kernel: i32, channels: i32 }
}

/// Room for any of them; the driver reads as many bytes as the kernel declares.
pub(super) type Block = [u64; 16];

/// `arguments` at the start of a block.
pub(super) fn block<T: Pod>(arguments: &T) -> Block {
    const { assert!(size_of::<T>() <= size_of::<Block>()) };
    let mut out = [0_u64; 16];
    bytemuck::bytes_of_mut(&mut out)[..size_of::<T>()]
        .copy_from_slice(bytemuck::bytes_of(arguments));
    out
}
