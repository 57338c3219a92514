//! Memory and launches, one after the other, and what each launch has to do at least.

use super::super::arguments::{Address, block};
use super::super::device::{Device, Launch, Memory};
use super::super::layers::Layers;
use super::super::{Cost, Precision};
use crate::image::Size;
use bytemuck::Pod;
use cudarc::driver::{DriverError, sys};
use std::collections::VecDeque;

/// Sets of launches that are to share their maps have different ones.
const OTHER_MAPS: DriverError = DriverError(sys::CUresult::CUDA_ERROR_INVALID_VALUE);

/// A feature map in device memory, channels last.
#[derive(Clone, Copy)]
pub(super) struct Map {
    pub(super) at: Address,
    pub(super) size: Size,
    pub(super) channels: usize,
    /// Number of the launch that writes it, in the launches that are being made; none for a map that
    /// is there before.
    pub(super) made_by: Option<usize>,
}

impl Map {
    /// The map as other launches see it.
    pub(super) fn external(self) -> Self {
        Self { made_by: None, ..self }
    }
}

/// Makes a plan. The network's parts are methods of it in this folder's other files.
pub(super) struct Builder<'a> {
    pub(super) device: &'a Device,
    pub(super) layers: &'a Layers,
    pub(super) precision: Precision,
    pub(super) memory: Vec<Memory>,
    /// What launches write, in order: address and bytes.
    pub(super) written: Vec<(Address, usize)>,
    /// Of it, what is given out again before more is allocated: a second set of launches then shares
    /// the maps of the first.
    pub(super) reusable: VecDeque<(Address, usize)>,
    pub(super) bytes: usize,
    pub(super) launches: Vec<Launch>,
}

impl Builder<'_> {
    /// Memory that launches write.
    pub(super) fn allocate(&mut self, bytes: usize) -> Result<Address, DriverError> {
        match self.reusable.pop_front() {
            Some((at, size)) if size == bytes => return Ok(at),
            // What reads the first set's maps would not find this one's.
            Some(_) => return Err(OTHER_MAPS),
            None => {}
        }
        self.bytes += bytes;
        let memory = self.device.allocate(bytes)?;
        let at = memory.at;
        self.memory.push(memory);
        self.written.push((at, bytes));
        Ok(at)
    }

    /// The `i`-th set of launches, from 1 on, writes the memory that the first one writes, which
    /// begins at `start` of [`Builder::written`].
    pub(super) fn share_from(&mut self, start: usize, i: usize) {
        if i > 0 {
            self.reusable = self.written[start..].iter().copied().collect();
        }
    }

    /// Memory that holds `data` and is never shared.
    pub(super) fn upload<T: Pod>(&mut self, data: &[T]) -> Result<Address, DriverError> {
        self.bytes += size_of_val(data);
        let memory = self.device.upload(data)?;
        let at = memory.at;
        self.memory.push(memory);
        Ok(at)
    }

    pub(super) fn half(&self) -> bool {
        self.precision == Precision::Half
    }

    /// A map that the next launch writes.
    pub(super) fn map(&mut self, size: Size, channels: usize) -> Result<Map, DriverError> {
        let bytes = size.area() * channels * if self.half() { 2 } else { 4 };
        let made_by = Some(self.launches.len());
        Ok(Map { at: self.allocate(bytes)?, size, channels, made_by })
    }

    /// Adds a launch that waits for the one before it.
    pub(super) fn launch<T: Pod>(
        &mut self,
        name: &str,
        grid: (usize, usize),
        threads: u32,
        arguments: &T,
    ) -> Result<(), DriverError> {
        let function = self.device.function(name)?;
        let grid = (grid.0 as u32, grid.1 as u32);
        let (name, arguments, cost) = (name.to_owned(), block(arguments), Cost::default());
        let after = self.launches.len().checked_sub(1).into_iter().collect();
        self.launches.push(Launch { name, cost, function, grid, threads, arguments, after });
        Ok(())
    }

    /// The last launch reads these maps and nothing else that launches write: it waits only for
    /// those that make them.
    pub(super) fn reads(&mut self, maps: &[Map]) {
        if let Some(launch) = self.launches.last_mut() {
            launch.after = maps.iter().filter_map(|m| m.made_by).collect();
        }
    }

    /// What the last launch has to do: products per output pixel, maps read and written whole,
    /// and weights.
    pub(super) fn cost(&mut self, size: Size, products: usize, maps: &[Map], weights: usize) {
        let element = if self.half() { 2 } else { 4 };
        let numbers: usize = maps.iter().map(|m| m.size.area() * m.channels).sum();
        if let Some(launch) = self.launches.last_mut() {
            launch.cost = Cost {
                multiplications: (size.area() * products) as u64,
                bytes: ((numbers + weights) * element) as u64,
            };
        }
    }

    /// A kernel with one thread per item.
    pub(super) fn flat<T: Pod>(
        &mut self,
        name: &str,
        items: usize,
        threads: u32,
        a: &T,
    ) -> Result<(), DriverError> {
        self.launch(name, (items.div_ceil(threads as usize), 1), threads, a)
    }
}
