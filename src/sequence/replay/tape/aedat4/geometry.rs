//! How frames lie on the event sensor, and which frames can be used.

use crate::event::Event;
use crate::formats::aedat4::{FrameHead, FrameSource};
use crate::image::Size;
use crate::sequence::replay::options::MAX_EXPOSURE_US;
use crate::time::RangeUs;

/// Largest side of an event sensor, in pixels. Sensors have at most 1280x720; the network's input
/// has 96 numbers per pixel.
pub(super) const MAX_SENSOR_SIDE: usize = 2048;
/// Largest number of pixels of a frame.
const MAX_FRAME_AREA: usize = 1 << 24;
/// Latest and earliest times that are believed, in microseconds: 18,000 years from zero. Sums and
/// differences of such times do not overflow.
pub(super) const MAX_TIME_US: i64 = 1 << 59;

/// Why a frame cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("they are {}, not from an image sensor", .0.describe())]
    Source(FrameSource),
    #[error("they state no exposure time: add --exposure-us N (microseconds)")]
    NoExposure,
    #[error("an exposure of {:.1} s is longer than the 10 s that are supported", *.0 as f64 / 1e6)]
    Long(i64),
    #[error(
        "a time of {0} us is not plausible in a recording: the file is damaged, or its times are not \
         in microseconds: copy it, or export it from DV, again"
    )]
    Time(i64),
    #[error(
        "their pixels have the type {0} of OpenCV; 8 or 16 bits and floating point \
         are supported, with 1, 3 or 4 channels"
    )]
    Samples(i8),
    #[error("{0} pixels are more than are supported")]
    Large(Size),
    #[error(
        "{frames} pixels are not a whole multiple of the event sensor's {events}, which the header \
         states: if the events have the pixels of the frames, add ,sensor=WIDTHxHEIGHT"
    )]
    Ratio { frames: Size, events: Size },
    #[error("a region of {size} pixels at {position:?} lies outside the sensor's {grid}")]
    Outside { size: Size, position: (i16, i16), grid: Size },
    #[error(
        "a region of {size} pixels at {position:?} does not begin and end between event pixels, \
         which are {factor} frame pixels wide"
    )]
    Between { size: Size, position: (i16, i16), factor: usize },
}

/// A rectangle of the event sensor, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) size: Size,
}

impl Region {
    pub(super) const fn whole(sensor: Size) -> Self {
        Self { x: 0, y: 0, size: sensor }
    }

    /// Removes events outside the region and moves the others, so that its first pixel is (0, 0).
    /// Returns how many were outside the sensor, where no event can be.
    pub(super) fn apply(&self, sensor: Size, events: &mut Vec<Event>) -> u64 {
        let mut outside = 0;
        events.retain_mut(|e| {
            let (x, y) = (usize::from(e.x), usize::from(e.y));
            if x >= sensor.width || y >= sensor.height {
                outside += 1;
                return false;
            }
            let inside =
                |n: usize, from: usize, count: usize| n.checked_sub(from).filter(|n| *n < count);
            let moved = inside(x, self.x, self.size.width).zip(inside(y, self.y, self.size.height));
            let Some((x, y)) =
                moved.and_then(|(x, y)| Some((u16::try_from(x).ok()?, u16::try_from(y).ok()?)))
            else {
                return false;
            };
            (e.x, e.y) = (x, y);
            true
        });
        outside
    }
}

/// The whole number `k` with `frames = k * events`.
pub(super) fn ratio(frames: Size, events: Size) -> Option<usize> {
    let k = frames.width.checked_div(events.width)?;
    (k > 0 && frames == Size::new(events.width * k, events.height.checked_mul(k)?)).then_some(k)
}

/// The sizes of a recording's sensors, and how its frames are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grids {
    /// Size of the event sensor.
    pub(super) events: Size,
    /// Size of the image sensor, if the header states it; a frame may be a part of it.
    pub(super) frames: Option<Size>,
    /// Frames of this source are used.
    pub(super) source: FrameSource,
    /// Exposure time of frames that state none, in microseconds.
    pub(super) exposure_us: Option<i64>,
}

/// A frame that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlacedFrame {
    /// The part of the event sensor that it shows.
    pub(super) region: Region,
    /// When it was exposed.
    pub(super) exposure: RangeUs,
}

impl Grids {
    /// Where a frame lies, and when it was exposed.
    pub(super) fn place(&self, head: &FrameHead) -> Result<PlacedFrame, Unusable> {
        if head.source != self.source {
            return Err(Unusable::Source(head.source));
        }
        if head.samples().is_none() {
            return Err(Unusable::Samples(head.format));
        }
        let t_us = head.t_us;
        let assumed = |us: i64| t_us.checked_add(us).map(|end| RangeUs::new(t_us, end));
        let exposure = head.exposure.or_else(|| self.exposure_us.and_then(assumed));
        let exposure = exposure.ok_or(Unusable::NoExposure)?;
        let (start, end) = (exposure.from_us, exposure.until_us);
        if let Some(us) = [start, end].into_iter().find(|us| us.saturating_abs() > MAX_TIME_US) {
            return Err(Unusable::Time(us));
        }
        if end - start > MAX_EXPOSURE_US {
            return Err(Unusable::Long(end - start));
        }
        let region = self.region(head.size, head.position)?;
        Ok(PlacedFrame { region, exposure })
    }

    /// The part of the event sensor that a frame of this size and position shows.
    fn region(&self, size: Size, position: (i16, i16)) -> Result<Region, Unusable> {
        if size.width.saturating_mul(size.height) > MAX_FRAME_AREA || size.area() == 0 {
            return Err(Unusable::Large(size));
        }
        let grid = self.frames.unwrap_or(self.events);
        let factor = ratio(grid, self.events);
        let (Ok(x), Ok(y)) = (usize::try_from(position.0), usize::try_from(position.1)) else {
            return Err(Unusable::Outside { size, position, grid });
        };
        let fits = |at: usize, side: usize, all: usize| at.saturating_add(side) <= all;
        let fits = fits(x, size.width, grid.width) && fits(y, size.height, grid.height);
        let (Some(factor), true) = (factor, fits) else {
            // The header states another size of frames than they have, or none.
            return match (position, ratio(size, self.events)) {
                ((0, 0), Some(_)) => Ok(Region::whole(self.events)),
                ((0, 0), None) => Err(Unusable::Ratio { frames: size, events: self.events }),
                _ => Err(Unusable::Outside { size, position, grid }),
            };
        };
        if [x, y, size.width, size.height].into_iter().any(|n| !n.is_multiple_of(factor)) {
            return Err(Unusable::Between { size, position, factor });
        }
        let size = Size::new(size.width / factor, size.height / factor);
        Ok(Region { x: x / factor, y: y / factor, size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENSOR: Size = Size::new(48, 32);

    fn region(frames: Option<Size>, size: Size, at: (i16, i16)) -> Result<Region, Unusable> {
        let source = FrameSource::Sensor;
        Grids { events: SENSOR, frames, source, exposure_us: None }.region(size, at)
    }

    #[test]
    fn frames_are_placed_on_the_event_sensor_or_refused() {
        let whole = Ok(Region::whole(SENSOR));
        assert_eq!(region(None, SENSOR, (0, 0)), whole);
        assert_eq!(region(Some(Size::new(56, 40)), SENSOR, (0, 0)), whole);
        assert_eq!(region(None, Size::new(96, 64), (0, 0)), whole);
        let part = Size::new(24, 16);
        assert_eq!(region(Some(SENSOR), part, (16, 8)), Ok(Region { x: 16, y: 8, size: part }));
        let double = Some(Size::new(96, 64));
        let half = Region { x: 8, y: 4, size: Size::new(12, 8) };
        assert_eq!(region(double, part, (16, 8)), Ok(half));
        assert!(matches!(region(double, part, (15, 8)), Err(Unusable::Between { factor: 2, .. })));
        assert!(matches!(region(Some(SENSOR), part, (25, 8)), Err(Unusable::Outside { .. })));
        assert!(matches!(region(Some(SENSOR), part, (-4, 8)), Err(Unusable::Outside { .. })));
        assert!(matches!(region(None, Size::new(56, 40), (0, 0)), Err(Unusable::Ratio { .. })));
        // A region at the first pixel of finer frames.
        let corner = Region { x: 0, y: 0, size: Size::new(24, 16) };
        assert_eq!(region(double, SENSOR, (0, 0)), Ok(corner));
        // The header states 56x40 for frames that have 40x30.
        let odd = region(Some(Size::new(56, 40)), Size::new(40, 30), (0, 0));
        assert!(matches!(odd, Err(Unusable::Ratio { .. })));
        assert!(region(None, Size::new(0, 4), (0, 0)).is_err());
        assert!(region(None, Size::new(32767, 32767), (0, 0)).is_err());
    }

    #[test]
    fn events_are_cut_to_a_region_and_moved() {
        let event = |x, y| Event { t_us: 5, x, y, polarity: true };
        let region = Region { x: 16, y: 8, size: Size::new(24, 16) };
        let mut events =
            vec![event(15, 9), event(16, 8), event(39, 23), event(40, 9), event(48, 9)];
        assert_eq!(region.apply(SENSOR, &mut events), 1);
        assert_eq!(events, [event(0, 0), event(23, 15)]);
    }
}
