//! Renders events as an image for display.

use super::Event;
use crate::image::{ImageU8, Size};
use crate::time::TimeRange;

/// Renders the events of `span` on white: red where a pixel became brighter, blue where it became
/// darker, with a saturation that increases with the number of events. Events outside the sensor
/// are ignored. The result has `size`; each event fills the area of its sensor pixel.
pub fn render(events: &[Event], span: TimeRange, sensor: Size, size: Size) -> ImageU8 {
    let mut counts = vec![[0_u16; 2]; sensor.area()];
    for e in events {
        let within = (e.t_us as f64) >= span.start_us && (e.t_us as f64) < span.end_us;
        let (x, y) = (usize::from(e.x), usize::from(e.y));
        if !within || x >= sensor.width {
            continue;
        }
        if let Some([off, on]) = counts.get_mut(y * sensor.width + x) {
            let count = if e.polarity { on } else { off };
            *count = count.saturating_add(1);
        }
    }
    // Number of events of a busy pixel. It gets full saturation, so that slow and fast scenes are
    // both visible.
    let mut busy: Vec<u16> =
        counts.iter().map(|[off, on]| off.saturating_add(*on)).filter(|n| *n > 0).collect();
    let last = busy.len().saturating_sub(1);
    let strong =
        if busy.is_empty() { 1.0 } else { f32::from(*busy.select_nth_unstable(last * 9 / 10).1) };
    let colour = |[off, on]: [u16; 2]| {
        let (off, on) = (f32::from(off) / strong, f32::from(on) / strong);
        let faded = |amount: f32| 1.0 - amount.min(1.0);
        // Blue, green, red: red reduces blue and green, blue reduces red and green.
        [faded(on), faded(on + off), faded(off)].map(|v| (v * 255.0) as u8)
    };
    let mut picture = ImageU8::filled(true, size, 255);
    let size = picture.size();
    for (c, plane) in picture.data_mut().chunks_exact_mut(size.area()).enumerate() {
        for (y, row) in plane.chunks_exact_mut(size.width).enumerate() {
            let from = y * sensor.height / size.height * sensor.width;
            for (x, v) in row.iter_mut().enumerate() {
                let count = counts.get(from + x * sensor.width / size.width);
                *v = count.and_then(|n| colour(*n).get(c).copied()).unwrap_or(255);
            }
        }
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brighter_is_red_darker_is_blue_and_no_events_are_white() {
        let event = |x, t_us, on| Event { t_us, x, y: 0, polarity: on };
        let events = [event(0, 5, true), event(1, 5, false), event(2, 99, true)];
        let size = Size::new(6, 2);
        let got = render(&events, TimeRange::new(0.0, 10.0), Size::new(3, 1), size).to_rgb();
        let (red, blue, white) = ([255, 0, 0], [0, 0, 255], [255, 255, 255]);
        assert_eq!(got[..18], [red, red, blue, blue, white, white].concat());
        assert_eq!(got[..18], got[18..]);
    }
}
