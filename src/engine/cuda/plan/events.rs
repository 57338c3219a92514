//! From events, or a map, to what the fusion reads of them.

use super::super::arguments as args;
use super::super::arguments::Address;
use super::super::layers::map_channels;
use super::builder::{Builder, Map};
use super::convolution::Source;
use super::{Shape, SlotMemory};
use crate::engine::graph::{Encoder, Graph, Post};
use crate::event::{CHANNELS, EventInput};
use crate::image::Size;
use cudarc::driver::DriverError;

impl Builder<'_> {
    /// From one slot's events, or its map, to what the fusion reads of them.
    pub(super) fn event_part(
        &mut self,
        shape: Shape,
        slot: &SlotMemory,
    ) -> Result<Vec<Map>, DriverError> {
        let (input, source) = match (shape.from_events, self.layers.input) {
            (true, EventInput::Counts) => (self.count(shape, slot)?, Source::Counts),
            (true, EventInput::Prior) => (self.prior(shape, slot)?, Source::Plain),
            (false, _) => (self.planes_to_map(shape.padded, slot.event_tensor)?, Source::Plain),
        };
        let encoder = Encoder::Events(shape.image);
        let stem = self.conv_from(&encoder.stem(), input, source, &Post::Relu)?;
        self.encode(encoder, stem)
    }

    /// EGER from packed events, as the first convolution reads it.
    pub(super) fn count(&mut self, shape: Shape, slot: &SlotMemory) -> Result<Map, DriverError> {
        let map = self.eger(shape, slot)?;
        if self.half() { Ok(map) } else { self.resize("single_counts", map, map.size) }
    }

    /// Scaled counts and the event prior from packed events.
    pub(super) fn prior(&mut self, shape: Shape, slot: &SlotMemory) -> Result<Map, DriverError> {
        let counts = self.eger(shape, slot)?;
        let size = counts.size;
        let map = self.map(size, map_channels(EventInput::Prior))?;
        let a = args::Prior {
            header: slot.header,
            counts: counts.at,
            map: map.at,
            height: size.height as i32,
            width: size.width as i32,
        };
        let name = if self.half() { "prior_half" } else { "prior_single" };
        self.flat(name, size.area(), 128, &a)?;
        self.cost(size, 0, &[counts, map], 0);
        Ok(map)
    }

    /// Counts of 16 bits from packed events; they have been cleared.
    fn eger(&mut self, shape: Shape, slot: &SlotMemory) -> Result<Map, DriverError> {
        let (size, sensor, counts) = (shape.padded, shape.sensor, slot.counts.0);
        let a = args::Eger {
            header: slot.header,
            counts,
            height: size.height as i32,
            width: size.width as i32,
            sensor_height: sensor.height as i32,
            sensor_width: sensor.width as i32,
        };
        self.launch("eger_count", (512, 1), 256, &a)?;
        if size != sensor {
            self.flat("eger_mirror", size.area() * CHANNELS / 8, 256, &a)?;
        }
        let made_by = self.launches.len().checked_sub(1);
        Ok(Map { at: counts, size, channels: CHANNELS, made_by })
    }

    pub(super) fn planes_to_map(
        &mut self,
        size: Size,
        planes: Address,
    ) -> Result<Map, DriverError> {
        let input = self.layers.input;
        let map = self.map(size, map_channels(input))?;
        let a = args::Voxel {
            planes,
            map: map.at,
            height: size.height as i32,
            width: size.width as i32,
        };
        let name = match (input, self.half()) {
            (EventInput::Counts, true) => "voxels_half",
            (EventInput::Counts, false) => "voxels_single",
            (EventInput::Prior, true) => "voxels_prior_half",
            (EventInput::Prior, false) => "voxels_prior_single",
        };
        self.flat(name, size.area() * map.channels, 256, &a)?;
        Ok(map)
    }

    /// The bias of the fusion's first layer on a level's event features, with the constants of the
    /// sizes.
    pub(super) fn event_bias(
        &mut self,
        level: usize,
        events: Size,
        image: Size,
    ) -> Result<Address, DriverError> {
        let image = Size::new(image.width >> level, image.height >> level);
        let layers = self.layers;
        self.upload(&layers.position(&format!("msff{}", level + 1))?.bias(events, image))
    }
}
