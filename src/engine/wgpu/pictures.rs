//! Restored pictures that stay on a shared device: a few textures, used in turn.

use super::device::Device;
use super::plan::{Plan, Step};
use super::waiting::wait;
use crate::image::{ImageU8, Size};
use std::sync::Arc;
use std::sync::mpsc::channel;
use wgpu::{BufferUsages, MapMode, TextureUsages};

/// Most pictures that exist at a time: two in flight, one that waits to be drawn, one that is
/// drawn, the one that it replaces, and up to three that are being saved.
const MOST: usize = 8;
/// Copies from a texture have rows of a multiple of this.
const ROW_BYTES: u32 = wgpu::COPY_BYTES_PER_ROW_ALIGNMENT;

/// A restored picture in the memory of a [`SharedDevice`](super::SharedDevice): eight bits of red,
/// green, blue and a constant per pixel. Its texture is used for another picture when the last clone
/// of it is dropped.
#[derive(Clone, Debug)]
pub struct DevicePicture {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    texture: wgpu::Texture,
    view: wgpu::TextureView,
    shape: PictureShape,
    device: wgpu::Device,
    queue: wgpu::Queue,
}

/// What a texture is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PictureShape {
    pub(super) size: Size,
    /// The three colours are their mean.
    pub(super) gray: bool,
}

impl DevicePicture {
    fn new(device: &Device, shape: PictureShape) -> Self {
        let texture = device.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("restored"),
            size: wgpu::Extent3d {
                width: shape.size.width as u32,
                height: shape.size.height as u32,
                depth_or_array_layers: 1,
            },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba8Unorm,
            usage: TextureUsages::STORAGE_BINDING
                | TextureUsages::TEXTURE_BINDING
                | TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor {
            dimension: Some(wgpu::TextureViewDimension::D2Array),
            ..Default::default()
        });
        let (device, queue) = (device.device.clone(), device.queue.clone());
        Self { shared: Arc::new(Shared { texture, view, shape, device, queue }) }
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.shared.shape.size
    }

    /// The texture.
    pub fn texture(&self) -> &wgpu::Texture {
        &self.shared.texture
    }

    /// A view of the texture as an array of one layer.
    pub fn view(&self) -> &wgpu::TextureView {
        &self.shared.view
    }

    /// A copy in memory. Waits for the device, so this is not for the window's thread.
    ///
    /// # Errors
    /// One line if the device has failed.
    pub fn read(&self) -> Result<ImageU8, String> {
        let Shared { texture, shape, device, queue, .. } = self.shared.as_ref();
        let Size { width, height } = shape.size;
        let stride = (4 * width as u32).next_multiple_of(ROW_BYTES);
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("picture"),
            size: u64::from(stride) * height as u64,
            usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = device.create_command_encoder(&Default::default());
        let layout = wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(stride),
            rows_per_image: None,
        };
        let to = wgpu::TexelCopyBufferInfo { buffer: &buffer, layout };
        encoder.copy_texture_to_buffer(texture.as_image_copy(), to, texture.size());
        let submission = queue.submit([encoder.finish()]);
        let (done, mapped) = channel();
        buffer.map_async(MapMode::Read, .., move |outcome| {
            // The receiver waits below.
            let _ = done.send(outcome);
        });
        let failed = || "the picture cannot be read: the graphics device has failed".to_owned();
        if !wait(device, Some(&submission), || false) {
            return Err(failed());
        }
        mapped.recv().ok().and_then(Result::ok).ok_or_else(failed)?;
        let bytes = buffer.get_mapped_range(..).map_err(|_| failed())?;
        let rows = || bytes.chunks_exact(stride as usize).map(|row| &row[..4 * width]);
        let plane = |channel: usize| rows().flat_map(move |r| r.iter().skip(channel).step_by(4));
        // Blue, green and red planes of red, green and blue pixels.
        let channels: &[usize] = if shape.gray { &[0] } else { &[2, 1, 0] };
        let data: Vec<u8> = channels.iter().flat_map(|c| plane(*c)).copied().collect();
        ImageU8::new(channels.len(), shape.size, data).map_err(|e| e.to_string())
    }
}

/// A picture with the dispatch that computes it.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) picture: DevicePicture,
    pub(super) head: Step,
}

/// The textures of a plan.
#[derive(Default)]
pub(super) struct Ring {
    targets: Vec<Target>,
}

impl Ring {
    /// A picture that is not in use; `None` if there are enough of them already, or the size is beyond
    /// what a texture can have.
    pub(super) fn free(
        &mut self,
        device: &mut Device,
        plan: &Plan,
        shape: PictureShape,
    ) -> Option<Target> {
        let unused = |t: &Target| Arc::strong_count(&t.picture.shared) == 1;
        // Frames have another size now: unused textures of the old one go.
        self.targets.retain(|t| t.picture.shared.shape == shape || !unused(t));
        let fits = |t: &&Target| t.picture.shared.shape == shape && unused(t);
        if let Some(target) = self.targets.iter().find(fits) {
            return Some(target.clone());
        }
        let longest = device.device.limits().max_texture_dimension_2d as usize;
        if self.targets.len() >= MOST || shape.size.width.max(shape.size.height) > longest {
            return None;
        }
        let picture = DevicePicture::new(device, shape);
        let view = picture.texture().create_view(&wgpu::TextureViewDescriptor::default());
        let target = Target { head: plan.picture_head(device, &view, shape.gray), picture };
        self.targets.push(target.clone());
        Some(target)
    }

    /// Bytes of all textures.
    pub(super) fn bytes(&self) -> u64 {
        self.targets.iter().map(|t| 4 * t.picture.size().area() as u64).sum()
    }
}
