//! Memory and dispatches, one after the other.

use super::step::Step;
use crate::engine::wgpu::Precision;
use crate::engine::wgpu::device::Device;
use crate::engine::wgpu::layers::Layers;
use crate::engine::wgpu::shaders::{Kernel, KernelName};
use crate::image::Size;
use bytemuck::Pod;
use wgpu::{BindingResource, Buffer, BufferBinding, BufferUsages};

/// Distance of uniform blocks in their buffer, the largest alignment that a device asks for.
const BLOCK_BYTES: u64 = 256;
/// Uniform blocks that there is space for. Images of 2048x1536 need 80.
const BLOCKS: u64 = 1024;
/// Most groups along one axis of a dispatch that every device allows, as a power of two.
const MOST_GROUPS: usize = 32_768;

/// A feature map on the device, channels last.
#[derive(Clone, Debug)]
pub(super) struct Map {
    pub(super) buffer: Buffer,
    pub(super) size: Size,
    /// Channels of a pixel in vectors of four.
    pub(super) vectors: u32,
}

/// A uniform block.
pub(super) struct Block {
    buffer: Buffer,
    offset: u64,
    bytes: u64,
}

impl Block {
    pub(super) fn binding(&self) -> BindingResource<'_> {
        let (buffer, offset) = (&self.buffer, self.offset);
        let size = wgpu::BufferSize::new(self.bytes);
        BindingResource::Buffer(BufferBinding { buffer, offset, size })
    }
}

/// Makes a plan. The network's parts are methods of it in this folder's other files.
pub(super) struct Builder<'a> {
    pub(super) device: &'a mut Device,
    pub(super) layers: &'a Layers,
    pub(super) steps: Vec<Step>,
    /// Memory whose contents are no longer needed by later dispatches.
    free: Vec<Buffer>,
    blocks: Buffer,
    used_blocks: u64,
    pub(super) bytes: u64,
}

impl<'a> Builder<'a> {
    pub(super) fn new(device: &'a mut Device, layers: &'a Layers) -> Self {
        let usage = BufferUsages::UNIFORM | BufferUsages::COPY_DST;
        let blocks = device.buffer("parameters", BLOCKS * BLOCK_BYTES, usage);
        Self {
            device,
            layers,
            steps: Vec::new(),
            free: Vec::new(),
            blocks,
            used_blocks: 0,
            bytes: 0,
        }
    }

    pub(super) fn buffer(&mut self, label: &str, bytes: u64, usage: BufferUsages) -> Buffer {
        let buffer = self.device.buffer(label, bytes, usage);
        self.bytes += buffer.size();
        buffer
    }

    /// Memory for maps: what was released, if it is large enough and not much too large.
    pub(super) fn scratch(&mut self, bytes: u64) -> Buffer {
        let fits = |b: &&Buffer| b.size() >= bytes && b.size() / 2 <= bytes;
        let best = self.free.iter().filter(fits).min_by_key(|b| b.size()).cloned();
        match best {
            Some(buffer) => {
                self.free.retain(|b| *b != buffer);
                buffer
            }
            None => self.buffer("map", bytes, BufferUsages::STORAGE),
        }
    }

    pub(super) fn map(&mut self, size: Size, vectors: u32) -> Map {
        let vector = if self.device.precision == Precision::Half { 8 } else { 16 };
        let buffer = self.scratch(size.area() as u64 * u64::from(vectors) * vector);
        Map { buffer, size, vectors }
    }

    /// Gives memory to the maps that follow. Nothing that follows may read it.
    pub(super) fn reuse(&mut self, buffer: Buffer) {
        self.free.push(buffer);
    }

    /// A uniform block with these contents.
    pub(super) fn block<T: Pod>(&mut self, contents: &T) -> Block {
        let bytes = bytemuck::bytes_of(contents);
        if self.used_blocks == BLOCKS {
            self.device.faults.report("the images are too large");
            self.used_blocks = 0;
        }
        let offset = self.used_blocks * BLOCK_BYTES;
        self.used_blocks += 1;
        self.device.queue.write_buffer(&self.blocks, offset, bytes);
        Block { buffer: self.blocks.clone(), offset, bytes: bytes.len() as u64 }
    }

    /// A dispatch with a uniform block that is written elsewhere.
    pub(super) fn step_of(
        &mut self,
        kernel: &Kernel,
        groups: [usize; 3],
        block: BindingResource<'_>,
        bindings: &[&Buffer],
    ) -> Step {
        let others = bindings.iter().map(|buffer| buffer.as_entire_binding());
        Step::new(self.device, kernel, groups, std::iter::once(block).chain(others))
    }

    /// Appends a dispatch: its uniform block, and its other bindings in order.
    pub(super) fn launch<T: Pod>(
        &mut self,
        kernel: impl Into<Kernel>,
        groups: [usize; 3],
        block: &T,
        bindings: &[&Buffer],
    ) {
        let block = self.block(block);
        let step = self.step_of(&kernel.into(), groups, block.binding(), bindings);
        self.steps.push(step);
    }

    /// Appends a dispatch with one thread per item, `threads` in a group.
    pub(super) fn flat<T: Pod>(
        &mut self,
        name: KernelName,
        items: usize,
        threads: usize,
        block: &T,
        bindings: &[&Buffer],
    ) {
        let groups = items.div_ceil(threads).max(1);
        let groups = [groups.min(MOST_GROUPS), groups.div_ceil(MOST_GROUPS), 1];
        self.launch(name, groups, block, bindings);
    }
}
