//! Overlay of events on the image, for a visual check of an alignment.

use super::gray::Gray;
use super::{Alignment, EventTable, FrameCrop, View};
use crate::image::ImageU8;

/// Red, in the order blue, green, red.
const RED: [f32; 3] = [40.0, 40.0, 255.0];
/// Colours of the corners of the frame camera and of the event camera.
const CROSS: [[u8; 3]; 2] = [[60, 230, 60], [40, 40, 255]];

/// The aligned frame in gray, with the edges seen by the event camera in red and the corners of
/// `view` as crosses: green for the frame camera, red for the event camera.
///
/// `seen` is an image of the event camera: its own frame, or [`super::FlashAccumulator::picture`].
/// `None` if an image does not have the size that the alignment is for.
pub fn overlay(
    alignment: &Alignment,
    frame: &ImageU8,
    seen: &ImageU8,
    view: Option<&View>,
) -> Option<ImageU8> {
    let table = EventTable::new(alignment);
    if seen.size() != table.source() {
        return None;
    }
    let aligned = Gray::of(&FrameCrop::new(alignment).apply(frame)?);
    let (image, cells, ratio) =
        (alignment.target.image(), table.target(), alignment.target.ratio());
    let gray = Gray::of(seen).blurred(0.7);
    let mut edges = vec![0.0_f32; cells.area()];
    let mut strongest = 1e-3_f32;
    for y in 0..table.source().height {
        for x in 0..table.source().width {
            let Some((u, v)) = table.cell(x as u16, y as u16) else { continue };
            let (gx, gy) = gray.gradient(x as isize, y as isize);
            let strength = gx.hypot(gy) as f32;
            if let Some(cell) = edges.get_mut(usize::from(v) * cells.width + usize::from(u)) {
                *cell = cell.max(strength);
                strongest = strongest.max(strength);
            }
        }
    }
    let mut out = ImageU8::filled(true, image, 0);
    let area = image.area();
    for y in 0..image.height {
        for x in 0..image.width {
            let light = aligned.at(x as isize, y as isize) * 255.0;
            let cell = edges.get(y / ratio * cells.width + x / ratio).copied().unwrap_or(0.0);
            let share = (1.6 * cell / strongest).min(1.0) * 0.8;
            for (channel, red) in RED.iter().enumerate() {
                let v = light * (1.0 - share) + red * share;
                if let Some(to) = out.data_mut().get_mut(channel * area + y * image.width + x) {
                    *to = v as u8;
                }
            }
        }
    }
    if let Some(view) = view {
        let frames = view.frame.points.iter().map(|p| Some(*p));
        let events = view.event.points.iter().map(|p| alignment.warp.map(*p));
        let [green, red] = CROSS;
        frames.flatten().for_each(|p| cross(&mut out, alignment, p, green, false));
        events.flatten().for_each(|p| cross(&mut out, alignment, p, red, true));
    }
    Some(out)
}

/// Draws a small upright or diagonal cross at a position in the frame camera's image.
fn cross(
    out: &mut ImageU8,
    alignment: &Alignment,
    place: (f64, f64),
    colour: [u8; 3],
    lying: bool,
) {
    let size = out.size();
    let (u, v) = alignment.crop.share(place);
    let (x, y) = ((u * size.width as f64) as isize, (v * size.height as f64) as isize);
    let arm = (size.width / 160).max(3) as isize;
    for i in -arm..=arm {
        let places = if lying { [(i, i), (i, -i)] } else { [(i, 0), (0, i)] };
        for (dx, dy) in places {
            let (px, py) = (x + dx, y + dy);
            if !(0..size.width as isize).contains(&px) || !(0..size.height as isize).contains(&py) {
                continue;
            }
            for (channel, value) in colour.iter().enumerate() {
                let i = channel * size.area() + py as usize * size.width + px as usize;
                if let Some(to) = out.data_mut().get_mut(i) {
                    *to = *value;
                }
            }
        }
    }
}
