//! The graph of SAN for one pair of sizes: all memory, and every launch with its arguments.

use super::Precision;
use super::arguments::{self as args, Address, block};
use super::device::{Cost, Device, Launch, Memory};
use super::layers::Layers;
use crate::engine::Form;
use crate::engine::cpu::fusion::corners;
use crate::event::CHANNELS;
use crate::frame::Size;
use crate::network::FUSION_LEVELS;
use bytemuck::Pod;
use cudarc::driver::DriverError;
use std::collections::VecDeque;

/// Sizes that a plan is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) image: Size,
    pub(super) sensor: Size,
    pub(super) padded: Size,
    /// Events that there is room for; `None` where maps are handed over.
    pub(super) events: Option<usize>,
}

/// A feature map in device memory, channels last.
#[derive(Clone, Copy)]
struct Map {
    at: Address,
    size: Size,
    channels: usize,
}

/// How a convolution takes its input, as `Source` in `conv.cuh`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Plain,
    Counts,
    Pooled,
    Upsampled,
}

/// What a convolution does with its sums.
#[derive(Clone, Copy)]
enum Post {
    Linear,
    Relu,
    ReluAdd(Map),
}

/// Launches and memory. Order: `events` and `image`, which are independent of each other, then
/// `body`, then one of the heads.
///
/// What an exposure brings lies in one of two lanes, so that the next one can arrive while this
/// one is computed; what belongs to a target, its events' features and its results, in one of
/// two slots. Everything between is shared: one target at a time passes through it.
pub(super) struct Plan {
    pub(super) shape: Shape,
    /// By slot.
    pub(super) events: [Vec<Launch>; 2],
    /// By lane.
    pub(super) image: [Vec<Launch>; 2],
    /// Fusion and decoder, by slot.
    pub(super) body: [Vec<Launch>; 2],
    pub(super) lanes: [LaneMemory; 2],
    pub(super) slots: [SlotMemory; 2],
    /// The network's end without inputs and outputs.
    head: Launch,
    head_arguments: args::Head,
    sums: Address,
    /// All device memory of the plan.
    pub(super) bytes: usize,
    _memory: Vec<Memory>,
}

/// One exposure's inputs: the blurry image, and packed events.
#[derive(Clone, Copy)]
pub(super) struct LaneMemory {
    pub(super) blur: Address,
    pub(super) packed_events: Address,
}

/// One target's inputs and results.
#[derive(Clone, Copy)]
pub(super) struct SlotMemory {
    /// What the counting kernels read, or the map `(96, h, w)` instead of events.
    pub(super) header: Address,
    pub(super) voxels: Address,
    /// Cleared before the events are counted: address and bytes.
    pub(super) counts: (Address, usize),
    /// Latent image and ratio.
    pub(super) numbers: Address,
    /// The latent image in eight bits.
    pub(super) pixels: Address,
}

struct Builder<'a> {
    device: &'a Device,
    layers: &'a Layers,
    precision: Precision,
    memory: Vec<Memory>,
    /// Memory that is given out again before more is allocated: a second set of launches then
    /// shares the maps of the first.
    again: VecDeque<Address>,
    bytes: usize,
    launches: Vec<Launch>,
}

impl Plan {
    pub(super) fn new(
        device: &Device,
        layers: &Layers,
        precision: Precision,
        shape: Shape,
    ) -> Result<Self, DriverError> {
        let mut b = Builder {
            device,
            layers,
            precision,
            memory: Vec::new(),
            again: VecDeque::new(),
            bytes: 0,
            launches: Vec::new(),
        };
        let (area, cells) = (shape.image.area(), shape.padded.area());
        let (lanes, slots) = (
            twice(|_| {
                Ok(LaneMemory {
                    blur: b.allocate(3 * area * 4)?,
                    packed_events: b.allocate(shape.events.unwrap_or(0) * 8)?,
                })
            })?,
            twice(|_| {
                Ok(SlotMemory {
                    header: b.allocate(size_of::<args::EgerHeader>())?,
                    voxels: b.allocate(shape.events.map_or(CHANNELS * cells * 4, |_| 0))?,
                    counts: (b.allocate(CHANNELS * cells * 2)?, CHANNELS * cells * 2),
                    numbers: b.allocate(6 * area * 4)?,
                    pixels: b.allocate(3 * area)?,
                })
            })?,
        );
        let mut event_maps = Vec::new();
        let events = twice(|i| {
            event_maps.push(b.event_part(shape, &slots[i])?);
            Ok(std::mem::take(&mut b.launches))
        })?;
        let (start, mut image_maps) = (b.memory.len(), Vec::new());
        let image = twice(|i| {
            b.share_from(start, i);
            image_maps = b.image_part(shape, lanes[i].blur)?;
            Ok(std::mem::take(&mut b.launches))
        })?;
        let (start, mut last) = (b.memory.len(), None);
        let body = twice(|i| {
            b.share_from(start, i);
            let mut fused = Vec::new();
            for (level, (event, image)) in event_maps[i].iter().zip(&image_maps).enumerate() {
                let map = b.fuse(level, *event, *image)?;
                fused.push(b.deform(level, map)?);
            }
            let map = b.decode(&fused)?;
            last = Some(if b.half() { map } else { b.last_sums(map)? });
            Ok(std::mem::take(&mut b.launches))
        })?;
        let last = last.unwrap_or(Map { at: 0, size: shape.image, channels: 0 });
        let head_arguments = b.head(last)?;
        let head = b.launches.remove(0);
        let (bytes, _memory) = (b.bytes, b.memory);
        Ok(Self {
            shape,
            events,
            image,
            body,
            lanes,
            slots,
            head,
            head_arguments,
            sums: last.at,
            bytes,
            _memory,
        })
    }

    /// Fusion, decoder and the end that writes `form` of one slot, for the image of one lane.
    pub(super) fn finish(&self, slot: usize, lane: usize, form: Form) -> Vec<Launch> {
        let to = &self.slots[slot];
        let mut head = args::Head { image: self.lanes[lane].blur, ..self.head_arguments };
        match form {
            Form::Numbers => {
                head.latent = to.numbers;
                head.ratio = to.numbers + 12 * self.shape.image.area() as u64;
            }
            Form::Pixels(rounding) => {
                head.pixels = to.pixels;
                head.rounding = rounding.offset();
            }
        }
        let mut last = self.head.again();
        last.arguments = if last.name == "finish_single" {
            block(&args::Finish { head, sums: self.sums })
        } else {
            block(&head)
        };
        self.body[slot].iter().map(Launch::again).chain([last]).collect()
    }
}

/// Two of something, the second like the first.
fn twice<T>(mut f: impl FnMut(usize) -> Result<T, DriverError>) -> Result<[T; 2], DriverError> {
    Ok([f(0)?, f(1)?])
}

impl Builder<'_> {
    fn allocate(&mut self, bytes: usize) -> Result<Address, DriverError> {
        if let Some(at) = self.again.pop_front() {
            return Ok(at);
        }
        self.bytes += bytes;
        let memory = self.device.allocate(bytes)?;
        let at = memory.at;
        self.memory.push(memory);
        Ok(at)
    }

    /// The `i`-th set of launches, from 1 on, gets the memory that the first one got.
    fn share_from(&mut self, start: usize, i: usize) {
        if i > 0 {
            self.again = self.memory[start..].iter().map(|m| m.at).collect();
        }
    }

    fn upload<T: Pod>(&mut self, data: &[T]) -> Result<Address, DriverError> {
        if let Some(at) = self.again.pop_front() {
            return Ok(at);
        }
        self.bytes += size_of_val(data);
        let memory = self.device.upload(data)?;
        let at = memory.at;
        self.memory.push(memory);
        Ok(at)
    }

    fn half(&self) -> bool {
        self.precision == Precision::Half
    }

    fn map(&mut self, size: Size, channels: usize) -> Result<Map, DriverError> {
        let bytes = size.area() * channels * if self.half() { 2 } else { 4 };
        Ok(Map { at: self.allocate(bytes)?, size, channels })
    }

    fn launch<T: Pod>(
        &mut self,
        name: &str,
        grid: (usize, usize),
        threads: u32,
        arguments: &T,
    ) -> Result<(), DriverError> {
        let function = self.device.function(name)?;
        let grid = (grid.0 as u32, grid.1 as u32);
        let (name, arguments, cost) = (name.to_owned(), block(arguments), Cost::default());
        self.launches.push(Launch { name, cost, function, grid, threads, arguments });
        Ok(())
    }

    /// What the last launch has to do: products per output pixel, maps read and written whole,
    /// and weights.
    fn cost(&mut self, size: Size, products: usize, maps: &[Map], weights: usize) {
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
    fn flat<T: Pod>(
        &mut self,
        name: &str,
        items: usize,
        threads: u32,
        a: &T,
    ) -> Result<(), DriverError> {
        self.launch(name, (items.div_ceil(threads as usize), 1), threads, a)
    }

    /// From one slot's events, or its map, to what the fusion reads of them.
    fn event_part(&mut self, shape: Shape, slot: &SlotMemory) -> Result<Vec<Map>, DriverError> {
        let (input, source) = match shape.events {
            Some(_) => (self.count(shape, slot)?, Source::Counts),
            None => (self.voxels(shape.padded, slot.voxels)?, Source::Plain),
        };
        let stem = self.conv("ev_enc.conv1", 7, input, 16, source, Post::Relu)?;
        let features = self.encoder("ev_enc", stem)?;
        self.project_events(&features, shape.image)
    }

    /// From one lane's image to what the fusion reads of it.
    fn image_part(&mut self, shape: Shape, blur: Address) -> Result<Vec<Map>, DriverError> {
        let stem = self.stem(shape.image, blur)?;
        let features = self.encoder("im_enc", stem)?;
        let project = |(i, f): (usize, &Map)| {
            let name = format!("msff{}.image", i + 1);
            self.conv(&name, 1, *f, f.channels, Source::Plain, Post::Linear)
        };
        features.iter().enumerate().map(project).collect()
    }

    /// EGER from packed events; the counts have been cleared.
    fn count(&mut self, shape: Shape, slot: &SlotMemory) -> Result<Map, DriverError> {
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
        let map = Map { at: counts, size, channels: CHANNELS };
        if self.half() { Ok(map) } else { self.resize("single_counts", map, size) }
    }

    fn voxels(&mut self, size: Size, planes: Address) -> Result<Map, DriverError> {
        let map = self.map(size, CHANNELS)?;
        let a = args::Voxel {
            planes,
            map: map.at,
            height: size.height as i32,
            width: size.width as i32,
        };
        let name = if self.half() { "voxels_half" } else { "voxels_single" };
        self.flat(name, size.area() * CHANNELS, 256, &a)?;
        Ok(map)
    }

    fn resize(&mut self, name: &str, input: Map, size: Size) -> Result<Map, DriverError> {
        let map = self.map(size, input.channels)?;
        let a = args::Resize {
            input: input.at,
            output: map.at,
            height: size.height as i32,
            width: size.width as i32,
            channels: input.channels as i32,
            source_height: input.size.height as i32,
            source_width: input.size.width as i32,
            unused: 0,
        };
        self.flat(name, size.area() * input.channels, 256, &a)?;
        Ok(map)
    }

    fn conv(
        &mut self,
        name: &str,
        k: usize,
        input: Map,
        cout: usize,
        source: Source,
        post: Post,
    ) -> Result<Map, DriverError> {
        let (weights, bias) = self.layers.of(name);
        self.conv_with(weights, bias, k, input, cout, source, post)
    }

    #[allow(clippy::too_many_arguments, reason = "a layer is what it is")]
    fn conv_with(
        &mut self,
        weights: Address,
        bias: Address,
        k: usize,
        input: Map,
        cout: usize,
        source: Source,
        post: Post,
    ) -> Result<Map, DriverError> {
        let Size { width, height } = input.size;
        let size = match source {
            Source::Plain | Source::Counts => input.size,
            Source::Pooled => Size::new(width / 2, height / 2),
            Source::Upsampled => Size::new(2 * width, 2 * height),
        };
        if !self.half() {
            return self.single_conv(weights, bias, k, input, size, cout, source, post);
        }
        let suffix = match source {
            Source::Plain => "",
            Source::Counts => "_counts",
            Source::Pooled => "_pooled",
            Source::Upsampled => "_upsampled",
        };
        let output = self.map(size, cout)?;
        let a = args::Conv {
            input: input.at,
            weights,
            bias,
            skip: if let Post::ReluAdd(skip) = post { skip.at } else { 0 },
            output: output.at,
            height: size.height as i32,
            width: size.width as i32,
            source_height: height as i32,
            source_width: width as i32,
        };
        // As CONV in conv.cu.
        let rows = (512 / cout).min(16);
        let grid = (size.width.div_ceil(16), size.height.div_ceil(rows));
        self.launch(&format!("conv{k}_{}_{cout}{suffix}", input.channels), grid, 128, &a)?;
        let weights = k * k * input.channels * cout;
        let mut maps = vec![input, output];
        if let Post::ReluAdd(skip) = post {
            maps.push(skip);
        }
        self.cost(size, weights, &maps, weights);
        Ok(output)
    }

    #[allow(clippy::too_many_arguments, reason = "a layer is what it is")]
    fn single_conv(
        &mut self,
        weights: Address,
        bias: Address,
        k: usize,
        input: Map,
        size: Size,
        cout: usize,
        source: Source,
        post: Post,
    ) -> Result<Map, DriverError> {
        let input = match source {
            Source::Plain | Source::Counts => input,
            Source::Pooled => self.resize("single_pool", input, size)?,
            Source::Upsampled => self.resize("single_upsample", input, size)?,
        };
        let output = self.map(size, cout)?;
        let a = args::SingleConv {
            input: input.at,
            weights,
            bias,
            skip: if let Post::ReluAdd(skip) = post { skip.at } else { 0 },
            output: output.at,
            height: size.height as i32,
            width: size.width as i32,
            kernel: k as i32,
            cin: input.channels as i32,
            cout: cout as i32,
            relu: i32::from(!matches!(post, Post::Linear)),
        };
        self.flat("single_conv", size.area() * cout.div_ceil(8), 128, &a)?;
        let weights = k * k * input.channels * cout;
        self.cost(size, weights, &[input, output], weights);
        Ok(output)
    }

    fn stem(&mut self, size: Size, blur: Address) -> Result<Map, DriverError> {
        if !self.half() {
            let planes = Map { at: blur, size, channels: 3 };
            let input = self.resize("single_image", planes, size)?;
            return self.conv("im_enc.conv1", 7, input, 16, Source::Plain, Post::Relu);
        }
        let output = self.map(size, 16)?;
        let (weights, bias) = self.layers.of("im_enc.conv1");
        let a = args::Stem {
            image: blur,
            weights,
            bias,
            output: output.at,
            height: size.height as i32,
            width: size.width as i32,
        };
        self.launch("stem", (size.width.div_ceil(16), size.height.div_ceil(16)), 128, &a)?;
        // The image comes in single precision: twice the bytes of a half map.
        self.cost(
            size,
            7 * 7 * 3 * 16,
            &[Map { at: blur, size, channels: 6 }, output],
            7 * 7 * 3 * 16,
        );
        Ok(output)
    }

    /// The rest of an encoder after its first convolution: features of the five levels.
    fn encoder(&mut self, name: &str, stem: Map) -> Result<Vec<Map>, DriverError> {
        let mut x = self.conv(&format!("{name}.conv2"), 7, stem, 16, Source::Plain, Post::Relu)?;
        let mut features = vec![x];
        for (i, (c, k)) in [(32, 5), (64, 3), (128, 3), (128, 3)].into_iter().enumerate() {
            let layer = |j: usize| format!("{name}.down{}.conv{j}", i + 1);
            x = self.conv(&layer(1), k, x, c, Source::Pooled, Post::Relu)?;
            x = self.conv(&layer(2), k, x, c, Source::Plain, Post::Relu)?;
            features.push(x);
        }
        Ok(features)
    }

    /// The fusion's first layer on event features, with the constants of the sizes in its bias.
    fn project_events(&mut self, features: &[Map], image: Size) -> Result<Vec<Map>, DriverError> {
        let mut out = Vec::new();
        for (i, f) in features.iter().enumerate() {
            let name = format!("msff{}", i + 1);
            let (h, w) = (image.height >> i, image.width >> i);
            let cell =
                [2.0 * f.size.height as f32 / h as f32, 2.0 * f.size.width as f32 / w as f32];
            let bias = self.layers.position.get(&name).map(|p| p.bias(cell)).unwrap_or_default();
            let bias = self.upload(&bias)?;
            let (weights, _) = self.layers.of(&format!("{name}.event"));
            out.push(self.conv_with(
                weights,
                bias,
                1,
                *f,
                f.channels,
                Source::Plain,
                Post::Linear,
            )?);
        }
        Ok(out)
    }

    fn fuse(&mut self, level: usize, event: Map, image: Map) -> Result<Map, DriverError> {
        let (c, size, name) = (image.channels, image.size, format!("msff{}", level + 1));
        let output = self.map(size, c)?;
        let mut axis = |image: usize, event: usize| {
            let both = [-1.0, 1.0].into_iter().flat_map(|side| corners(image, event, side));
            let table: Vec<args::Corner> = both
                .map(|k| args::Corner {
                    event: k.event as i32,
                    image: k.image as i32,
                    relative: k.relative,
                })
                .collect();
            self.upload(&table)
        };
        let (rows, columns) =
            (axis(size.height, event.size.height)?, axis(size.width, event.size.width)?);
        let (weights, bias) = self.layers.of(&format!("{name}.mlp"));
        let a = args::Fuse {
            event: event.at,
            image: image.at,
            weights,
            bias,
            position: self.layers.position.get(&name).map_or(0, |p| p.relative.at),
            rows,
            columns,
            output: output.at,
            height: size.height as i32,
            width: size.width as i32,
            event_width: event.size.width as i32,
            channels: c as i32,
        };
        if self.half() {
            let grid = (size.width.div_ceil(16), size.height.div_ceil(4));
            self.launch(&format!("fuse_{c}"), grid, 128, &a)?;
        } else {
            self.launch("single_fuse", (size.area().div_ceil(128 / c), 1), 128, &a)?;
        }
        self.cost(size, 9 * c * c, &[event, image, output], 3 * c * c);
        Ok(output)
    }

    fn deform(&mut self, level: usize, input: Map) -> Result<Map, DriverError> {
        let (c, size, k) = (input.channels, input.size, FUSION_LEVELS[level].kernel);
        let name = format!("msff{}.dcn", level + 1);
        let (weights, bias) = self.layers.of(&name);
        let offsets = format!("{name}.conv_offset_mask");
        let (height, width) = (size.height as i32, size.width as i32);
        if !self.half() {
            let offsets = self.conv(&offsets, k, input, 3 * k * k, Source::Plain, Post::Linear)?.at;
            let output = self.map(size, c)?;
            let a = args::SingleDeform {
                input: input.at,
                offsets,
                weights,
                bias,
                output: output.at,
                height,
                width,
                kernel: k as i32,
                channels: c as i32,
            };
            self.launch("single_deform", (size.area().div_ceil(128 / c), 1), 128, &a)?;
            return Ok(output);
        }
        let output = self.map(size, c)?;
        let (offset_weights, offset_bias) = self.layers.of(&offsets);
        let a = args::Deform {
            input: input.at,
            offset_weights,
            offset_bias,
            weights,
            bias,
            output: output.at,
            height,
            width,
        };
        self.launch(
            &format!("deform{k}_{c}"),
            (size.width.div_ceil(16), size.height.div_ceil(8)),
            128,
            &a,
        )?;
        let products = k * k * c * (3 * k * k + c);
        self.cost(size, products, &[input, output], products);
        Ok(output)
    }

    fn decode(&mut self, fused: &[Map]) -> Result<Map, DriverError> {
        let mut levels = fused.iter().rev().copied();
        let mut x = levels.next().unwrap_or(Map { at: 0, size: Size::new(0, 0), channels: 0 });
        for (i, skip) in levels.enumerate() {
            let layer = |j: usize| format!("dec.up{}.conv{j}", i + 1);
            let c = skip.channels;
            x = self.conv(&layer(1), 3, x, c, Source::Upsampled, Post::ReluAdd(skip))?;
            x = self.conv(&layer(2), 3, x, c, Source::Plain, Post::Relu)?;
        }
        Ok(x)
    }

    /// The last convolution, where it is a launch of its own.
    fn last_sums(&mut self, x: Map) -> Result<Map, DriverError> {
        self.conv("dec.conv", 3, x, 3, Source::Plain, Post::Linear)
    }

    /// The end of the network, whose inputs and outputs are not set yet; gives its arguments.
    fn head(&mut self, x: Map) -> Result<args::Head, DriverError> {
        let (weights, bias) = self.layers.of("dec.conv");
        let a = args::Head {
            input: x.at,
            weights,
            bias,
            height: x.size.height as i32,
            width: x.size.width as i32,
            ..args::Head::default()
        };
        if self.half() {
            self.launch("head", (x.size.width.div_ceil(16), x.size.height.div_ceil(16)), 128, &a)?;
            // Beside the map the image in single precision (three numbers of twice the bytes)
            // and pixels (three of half).
            self.cost(x.size, 432, &[x, Map { channels: 6, ..x }], 432);
            if let Some(launch) = self.launches.last_mut() {
                launch.cost.bytes += 3 * x.size.area() as u64;
            }
        } else {
            self.flat("finish_single", x.size.area() * 3, 256, &args::Finish { head: a, sums: 0 })?;
        }
        Ok(a)
    }
}
