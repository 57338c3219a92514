//! A picture in the memory of the graphics card.

use crate::image::Size;
use eframe::wgpu;

/// A picture in GPU memory.
#[derive(Debug)]
pub(super) struct GpuImage {
    pub(super) texture: wgpu::Texture,
    pub(super) view: wgpu::TextureView,
    /// Only the first layer is used.
    pub(super) gray: bool,
    /// Its pixels are red, green and blue in the first layer.
    pub(super) packed: bool,
    /// Whose texture this is; it must not be used for another picture before.
    _owner: Option<crate::engine::DevicePicture>,
}

#[cfg(feature = "wgpu")]
impl GpuImage {
    /// A picture that the engine has left on the window's device.
    pub(super) fn on_device(picture: &crate::engine::DevicePicture) -> Self {
        let (texture, view) = (picture.texture().clone(), picture.view().clone());
        Self { texture, view, gray: false, packed: true, _owner: Some(picture.clone()) }
    }
}

impl GpuImage {
    /// Allocates a texture of `layers` layers; `R8Unorm` ones are bound as arrays.
    pub(super) fn new(
        device: &wgpu::Device,
        size: Size,
        layers: usize,
        format: wgpu::TextureFormat,
    ) -> Self {
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("picture"),
            size: extent_of(size, layers, format),
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        });
        let dimension = match format {
            wgpu::TextureFormat::R8Unorm => wgpu::TextureViewDimension::D2Array,
            _ => wgpu::TextureViewDimension::D2,
        };
        let view = texture.create_view(&wgpu::TextureViewDescriptor {
            dimension: Some(dimension),
            ..Default::default()
        });
        Self { texture, view, gray: layers == 1, packed: false, _owner: None }
    }

    /// Whether it is such a picture, so that another one can be uploaded to it.
    pub(super) fn fits(&self, size: Size, layers: usize, format: wgpu::TextureFormat) -> bool {
        self.texture.size() == extent_of(size, layers, format)
            && self.texture.format() == format
            && self.gray == (layers == 1)
    }
}

/// The extent of a texture. wgpu's OpenGL takes a texture of one layer for one that is not an
/// array, so that gray pictures have a second, unused layer.
fn extent_of(size: Size, layers: usize, format: wgpu::TextureFormat) -> wgpu::Extent3d {
    let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let is_array = format == wgpu::TextureFormat::R8Unorm;
    wgpu::Extent3d {
        width: side(size.width),
        height: side(size.height),
        depth_or_array_layers: side(if is_array { layers.max(2) } else { layers }),
    }
}
