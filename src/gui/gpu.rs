//! Displays pictures with the GPU: each new picture is uploaded once, and a shader
//! (`shaders/view.wgsl`) draws the wipe, the difference, the event overlay and the zoom.

use super::gpu_image::GpuImage;
use crate::image::{ImageU8, Size};
use eframe::egui::{self, Rect, vec2};
use eframe::egui_wgpu::{Callback, CallbackResources, CallbackTrait, RenderState};
use eframe::wgpu;
use std::num::NonZeroU64;

const EVENTS: u32 = 1;
const NEAREST: u32 = 2;
const CLIPPING: u32 = 4;
const LINEAR_TARGET: u32 = 8;
const FIRST_GRAY: u32 = 16;
const SECOND_GRAY: u32 = 32;
const FIRST_PACKED: u32 = 64;
const SECOND_PACKED: u32 = 128;

/// How a view combines its pictures; the values match those in the shader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The first picture.
    Single = 0,
    /// The first picture left of the divider, the second right of it.
    Wipe = 1,
    /// The second picture minus the first, plus mid-gray.
    Difference = 2,
}

/// Display options of a view.
#[derive(Clone, Copy, Debug)]
pub(super) struct DrawOptions {
    pub mode: Mode,
    /// Gain of the difference.
    pub gain: f32,
    /// Screen x coordinate where the second picture begins, in points.
    pub divider: f32,
    /// Nearest-neighbour instead of linear sampling.
    pub nearest: bool,
    /// Mark clipped pixels.
    pub clipping: bool,
}

/// Uniform buffer; the layout matches `View` in the shader.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct View {
    origin: [f32; 2],
    extent: [f32; 2],
    pixels: [f32; 2],
    divider: f32,
    gain: f32,
    mode: u32,
    flags: u32,
    /// OpenGL requires a multiple of 16 bytes.
    unused: [u32; 2],
}

/// GPU resources that draw the views.
pub(super) struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    pipeline: wgpu::RenderPipeline,
    layout: wgpu::BindGroupLayout,
    sampler: wgpu::Sampler,
    /// Shader flags that depend on the render target.
    flags: u32,
    no_events: GpuImage,
    /// One buffer per view of a frame.
    uniforms: Vec<wgpu::Buffer>,
}

impl Gpu {
    /// Compiles the shader for the window's render target.
    pub(super) fn new(state: &RenderState) -> Self {
        let (device, queue) = (state.device.clone(), state.queue.clone());
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("view"),
            source: wgpu::ShaderSource::Wgsl(include_str!("../../shaders/view.wgsl").into()),
        });
        let layout = bind_layout(&device);
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("view"),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("view"),
            layout: Some(&pipeline_layout),
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: Some("corner"),
                buffers: &[],
                compilation_options: wgpu::PipelineCompilationOptions::default(),
            },
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: Some("pixel"),
                targets: &[Some(state.target_format.into())],
                compilation_options: wgpu::PipelineCompilationOptions::default(),
            }),
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            multiview_mask: None,
            cache: None,
        });
        let sampler = device.create_sampler(&wgpu::SamplerDescriptor {
            label: Some("view"),
            mag_filter: wgpu::FilterMode::Linear,
            min_filter: wgpu::FilterMode::Linear,
            ..Default::default()
        });
        let no_events = GpuImage::new(&device, Size::new(1, 1), 1, wgpu::TextureFormat::Rg8Unorm);
        Self {
            flags: if state.target_format.is_srgb() { LINEAR_TARGET } else { 0 },
            device,
            queue,
            pipeline,
            layout,
            sampler,
            no_events,
            uniforms: Vec::new(),
        }
    }

    /// Uploads a picture to `target`, which is reallocated only if the shape has changed.
    pub(super) fn picture(&self, target: &mut Option<GpuImage>, picture: &ImageU8) {
        let (size, layers) = (picture.size(), picture.channels());
        self.upload(target, size, layers, wgpu::TextureFormat::R8Unorm, 1, picture.data());
    }

    /// Uploads event counts to `target`: `counts` has height x width x 2 values, OFF and ON
    /// events of every pixel, row by row.
    pub(super) fn events(&self, target: &mut Option<GpuImage>, sensor: Size, counts: &[u8]) {
        self.upload(target, sensor, 1, wgpu::TextureFormat::Rg8Unorm, 2, counts);
    }

    fn upload(
        &self,
        target: &mut Option<GpuImage>,
        size: Size,
        layers: usize,
        format: wgpu::TextureFormat,
        pixel_bytes: usize,
        data: &[u8],
    ) {
        let max_side = self.device.limits().max_texture_dimension_2d as usize;
        if size.area() == 0 || size.width.max(size.height) > max_side {
            // Empty, or larger than a texture can be: the view stays empty.
            *target = None;
            return;
        }
        let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let extent = wgpu::Extent3d {
            width: side(size.width),
            height: side(size.height),
            depth_or_array_layers: side(layers),
        };
        if !target.as_ref().is_some_and(|image| image.fits(size, layers, format)) {
            *target = Some(GpuImage::new(&self.device, size, layers, format));
        }
        let Some(image) = target else { return };
        let rows = wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(side(size.width * pixel_bytes)),
            rows_per_image: Some(extent.height),
        };
        self.queue.write_texture(image.texture.as_image_copy(), data, rows, extent);
    }

    /// Returns the egui shape that draws a view. `slot` is the index of the view within the
    /// frame, `visible` its rectangle on the screen in points, and `whole` the rectangle of the
    /// complete picture at the current zoom.
    pub(super) fn draw(
        &mut self,
        slot: usize,
        [visible, whole]: [Rect; 2],
        pixels_per_point: f32,
        [first, second]: [&GpuImage; 2],
        events: Option<&GpuImage>,
        options: DrawOptions,
    ) -> egui::Shape {
        while self.uniforms.len() <= slot {
            self.uniforms.push(self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("view"),
                size: size_of::<View>() as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            }));
        }
        let Some(uniform) = self.uniforms.get(slot) else { return egui::Shape::Noop };
        let origin = (visible.min - whole.min) / whole.size();
        let extent = visible.size() / whole.size();
        let flag = |on: bool, flag: u32| if on { flag } else { 0 };
        let view = View {
            origin: origin.into(),
            extent: extent.into(),
            pixels: (visible.size() * pixels_per_point).into(),
            divider: (options.divider - visible.left()) / visible.width().max(1e-3),
            gain: options.gain,
            mode: options.mode as u32,
            unused: [0; 2],
            flags: self.flags
                | flag(first.gray, FIRST_GRAY)
                | flag(second.gray, SECOND_GRAY)
                | flag(first.packed, FIRST_PACKED)
                | flag(second.packed, SECOND_PACKED)
                | flag(events.is_some(), EVENTS)
                | flag(options.nearest, NEAREST)
                | flag(options.clipping, CLIPPING),
        };
        self.queue.write_buffer(uniform, 0, bytemuck::bytes_of(&view));
        let texture = wgpu::BindingResource::TextureView;
        let resources = [
            uniform.as_entire_binding(),
            wgpu::BindingResource::Sampler(&self.sampler),
            texture(&first.view),
            texture(&second.view),
            texture(&events.unwrap_or(&self.no_events).view),
        ];
        let entries: Vec<wgpu::BindGroupEntry<'_>> = (0..)
            .zip(resources)
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource })
            .collect();
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("view"),
            layout: &self.layout,
            entries: &entries,
        });
        let draw = Draw { pipeline: self.pipeline.clone(), group };
        Callback::new_paint_callback(visible, draw).into()
    }
}

fn bind_layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    let texture = |view_dimension| wgpu::BindingType::Texture {
        sample_type: wgpu::TextureSampleType::Float { filterable: true },
        view_dimension,
        multisampled: false,
    };
    let sampler = wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering);
    let uniform = wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Uniform,
        has_dynamic_offset: false,
        min_binding_size: NonZeroU64::new(size_of::<View>() as u64),
    };
    let kinds = [
        uniform,
        sampler,
        texture(wgpu::TextureViewDimension::D2Array),
        texture(wgpu::TextureViewDimension::D2Array),
        texture(wgpu::TextureViewDimension::D2),
    ];
    let entries: Vec<wgpu::BindGroupLayoutEntry> = (0..)
        .zip(kinds)
        .map(|(binding, ty)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty,
            count: None,
        })
        .collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("view"),
        entries: &entries,
    })
}

/// Draws one view within egui's render pass.
struct Draw {
    pipeline: wgpu::RenderPipeline,
    group: wgpu::BindGroup,
}

impl CallbackTrait for Draw {
    fn paint(
        &self,
        _: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        _: &CallbackResources,
    ) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.draw(0..3, 0..1);
    }
}

/// Rounds the edges of a rectangle to screen pixels, so that the picture is not resampled.
pub(super) fn snapped(rect: Rect, pixels_per_point: f32) -> Rect {
    let round = |v: f32| (v * pixels_per_point).round() / pixels_per_point;
    let min = egui::pos2(round(rect.left()), round(rect.top()));
    let max = egui::pos2(round(rect.right()), round(rect.bottom()));
    Rect::from_min_size(min, vec2((max - min).x.max(0.0), (max - min).y.max(0.0)))
}
