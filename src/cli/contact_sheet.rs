//! Contact sheets: blurry image, events and restored images side by side.

use gem_live::event::render;
use gem_live::exposure::Exposure;
use gem_live::image::{ImageU8, Size};

/// Width of the white gap between the images, in pixels.
const GAP_PX: usize = 8;

/// The blurry image, the rendered events, then every restored image, from left to right.
pub(super) fn contact_sheet(exposure: &Exposure, restored: &[ImageU8]) -> ImageU8 {
    let size = exposure.frame.size();
    let mut row = vec![
        exposure.frame.to_u8(),
        render(&exposure.events, exposure.span, exposure.sensor, size),
    ];
    row.extend(restored.iter().cloned());
    side_by_side(&row)
}

/// Images of the same height side by side.
fn side_by_side(pictures: &[ImageU8]) -> ImageU8 {
    let width = pictures.iter().map(|p| p.size().width + GAP_PX).sum::<usize>() - GAP_PX;
    let height = pictures.iter().map(|p| p.size().height).max().unwrap_or(1);
    let mut sheet = ImageU8::filled(true, Size::new(width, height), 255);
    for (c, plane) in sheet.data_mut().chunks_exact_mut(width * height).enumerate() {
        let mut left = 0;
        for picture in pictures {
            let w = picture.size().width;
            let rows = plane.chunks_exact_mut(width).zip(picture.plane(c).chunks_exact(w));
            for (to, from) in rows {
                to.iter_mut().skip(left).zip(from).for_each(|(to, from)| *to = *from);
            }
            left += w + GAP_PX;
        }
    }
    sheet
}
