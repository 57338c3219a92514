//! The graph of SAN for one pair of sizes: all memory, and every launch with its arguments.

use super::Precision;
use super::arguments::{self as args, Address, block};
use super::device::{Cost, Device, Launch, Memory};
use super::layers::Layers;
use crate::engine::cpu::fusion::corners;
use crate::event::CHANNELS;
use crate::frame::Size;
use crate::network::FUSION_LEVELS;
use bytemuck::Pod;
use cudarc::driver::DriverError;

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

/// Launches and memory. Order: `events`, `image`, then one of `finish`; the first two are
/// independent of each other.
pub(super) struct Plan {
    pub(super) shape: Shape,
    pub(super) events: Vec<Launch>,
    pub(super) image: Vec<Launch>,
    /// One for each of the two output slots.
    pub(super) finish: [Vec<Launch>; 2],
    /// Inputs: the blurry image; header and packed events, or the map `(96, h, w)`.
    pub(super) blur: Address,
    pub(super) header: Address,
    pub(super) packed_events: Address,
    pub(super) voxels: Address,
    /// Cleared before the events are counted: address and bytes.
    pub(super) counts: (Address, usize),
    /// Outputs of the two slots: latent image, then ratio.
    pub(super) outputs: [Address; 2],
    _memory: Vec<Memory>,
}

struct Builder<'a> {
    device: &'a Device,
    layers: &'a Layers,
    precision: Precision,
    memory: Vec<Memory>,
    launches: Vec<Launch>,
}

impl Plan {
    pub(super) fn new(
        device: &Device,
        layers: &Layers,
        precision: Precision,
        shape: Shape,
    ) -> Result<Self, DriverError> {
        let mut b = Builder { device, layers, precision, memory: Vec::new(), launches: Vec::new() };
        let (area, cells) = (shape.image.area(), shape.padded.area());
        let blur = b.allocate(3 * area * 4)?;
        let header = b.allocate(size_of::<args::EgerHeader>())?;
        let packed_events = b.allocate(shape.events.unwrap_or(0) * 8)?;
        let counts = (b.allocate(CHANNELS * cells * 2)?, CHANNELS * cells * 2);
        let voxels = b.allocate(shape.events.map_or(CHANNELS * cells * 4, |_| 0))?;
        let outputs = [b.allocate(6 * area * 4)?, b.allocate(6 * area * 4)?];

        let input = match shape.events {
            Some(_) => b.count(shape, header, packed_events, counts.0)?,
            None => b.voxels(shape.padded, voxels)?,
        };
        let first = if shape.events.is_some() { Source::Counts } else { Source::Plain };
        let event_stem = b.conv("ev_enc.conv1", 7, input, 16, first, Post::Relu)?;
        let event = b.encoder("ev_enc", event_stem)?;
        let event = b.project_events(&event, shape.image)?;
        let events = std::mem::take(&mut b.launches);

        let image_stem = b.stem(shape.image, blur)?;
        let features = b.encoder("im_enc", image_stem)?;
        let projected: Vec<Map> = (features.iter().enumerate())
            .map(|(i, f)| {
                b.conv(
                    &format!("msff{}.image", i + 1),
                    1,
                    *f,
                    f.channels,
                    Source::Plain,
                    Post::Linear,
                )
            })
            .collect::<Result<_, _>>()?;
        let image = std::mem::take(&mut b.launches);

        let mut fused = Vec::new();
        for (i, (event, image)) in event.iter().zip(&projected).enumerate() {
            let map = b.fuse(i, *event, *image)?;
            fused.push(b.deform(i, map)?);
        }
        let last = b.decode(&fused)?;
        let body = b.launches.len();
        let mut finish = [Vec::new(), Vec::new()];
        let head = |slot: usize| args::Head {
            image: blur,
            latent: outputs[slot],
            ratio: outputs[slot] + 12 * area as u64,
            height: shape.image.height as i32,
            width: shape.image.width as i32,
            ..args::Head::default()
        };
        b.head(last, head(0), head(1))?;
        // Both slots share everything up to their own last launch.
        let mut heads = b.launches.split_off(b.launches.len() - 2);
        finish[1] = (b.launches.iter().map(Launch::again)).chain(heads.pop()).collect();
        finish[0] = b.launches.into_iter().chain(heads.pop()).collect();
        debug_assert!(finish[0].len() > body);
        let _memory = b.memory;
        Ok(Self {
            shape,
            events,
            image,
            finish,
            blur,
            header,
            packed_events,
            voxels,
            counts,
            outputs,
            _memory,
        })
    }
}

impl Builder<'_> {
    fn allocate(&mut self, bytes: usize) -> Result<Address, DriverError> {
        let memory = self.device.allocate(bytes)?;
        let at = memory.at;
        self.memory.push(memory);
        Ok(at)
    }

    fn upload<T: Pod>(&mut self, data: &[T]) -> Result<Address, DriverError> {
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

    /// EGER from packed events; the counts have been cleared.
    fn count(
        &mut self,
        shape: Shape,
        header: Address,
        events: Address,
        counts: Address,
    ) -> Result<Map, DriverError> {
        let (size, sensor) = (shape.padded, shape.sensor);
        let a = args::Eger {
            header,
            events,
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
        let rows = if cout == 128 { 8 } else { 16 };
        let grid = (size.width.div_ceil(16), size.height.div_ceil(rows));
        self.launch(&format!("conv{k}_{}_{cout}{suffix}", input.channels), grid, 128, &a)?;
        let weights = k * k * input.channels * cout;
        self.cost(size, weights, &[input, output], weights);
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

    /// Two launches: the end of the network for each output slot.
    fn head(&mut self, x: Map, a: args::Head, b: args::Head) -> Result<(), DriverError> {
        if self.half() {
            let (weights, bias) = self.layers.of("dec.conv");
            let grid = (x.size.width.div_ceil(16), x.size.height.div_ceil(16));
            for slot in [a, b] {
                self.launch("head", grid, 128, &args::Head { input: x.at, weights, bias, ..slot })?;
                // Nine single-precision planes: the image in, latent image and ratio out.
                self.cost(x.size, 432, &[x, Map { channels: 18, ..x }], 432);
            }
        } else {
            let sums = self.conv("dec.conv", 3, x, 3, Source::Plain, Post::Linear)?.at;
            for head in [a, b] {
                self.flat("finish_single", x.size.area() * 3, 256, &args::Finish { head, sums })?;
            }
        }
        Ok(())
    }
}
