//! The sizes, encodings and rates of a video device.

use super::abi::{
    CAPTURE, DISCRETE, Format, FormatDescription, FrameInterval, FrameSize, GREY, JPEG, MJPG,
    Request, StreamParameters, UYVY, YUYV,
};
use super::node::{BUSY, REPLUG, VideoNode, call};
use crate::camera::drivers::uvc::webcam::{Coding, Mode};
use crate::image::Size;
use bytemuck::Zeroable;
use std::io;

/// Upper limit for the entries of each list, against a driver whose list never ends.
const MAX_ENTRIES: u32 = 256;
/// Upper limit for the sides of an image, in pixels.
const MAX_SIDE_PX: u32 = 1 << 14;
/// Sizes to try where a driver accepts a range of them, in pixels.
const COMMON_SIZES: [[u32; 2]; 6] =
    [[640, 480], [800, 600], [1280, 720], [1280, 960], [1280, 1024], [1920, 1080]];
/// Rates to try where a driver accepts a range of them, in frames per second.
const COMMON_RATES_HZ: [u32; 5] = [120, 60, 30, 15, 5];
/// Rate of a driver that reports none, in frames per second.
const SUPPOSED_RATE_HZ: u32 = 30;

/// A mode with what the driver calls it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DriverMode {
    pub(super) mode: Mode,
    pub(super) fourcc: u32,
    /// Seconds per frame, as a fraction; `None` if the driver reports none.
    pub(super) interval: Option<[u32; 2]>,
}

/// The encoding of a pixel format; `None` if it is not supported.
pub(super) fn coding(fourcc: u32) -> Option<Coding> {
    match fourcc {
        MJPG | JPEG => Some(Coding::Mjpeg),
        YUYV => Some(Coding::Yuyv),
        UYVY => Some(Coding::Uyvy),
        GREY => Some(Coding::Grey),
        _ => None,
    }
}

/// Frames per second, rounded; `None` for a fraction without a meaning.
pub(super) fn rate_hz([numerator, denominator]: [u32; 2]) -> Option<u32> {
    let rate = f64::from(denominator) / f64::from(numerator);
    (rate.is_finite() && rate > 0.0).then_some((rate.round() as u32).max(1))
}

/// All supported modes, without repetitions.
pub(super) fn driver_modes(node: &dyn VideoNode) -> Vec<DriverMode> {
    let mut driver_modes: Vec<DriverMode> = Vec::new();
    for index in 0..MAX_ENTRIES {
        let mut format = FormatDescription { index, kind: CAPTURE, ..Zeroable::zeroed() };
        if call(node, Request::EnumFormat, &mut format).is_err() {
            break;
        }
        let Some(coding) = coding(format.pixelformat) else { continue };
        for [width, height] in sizes(node, format.pixelformat) {
            let size = Size::new(width as usize, height as usize);
            for interval in intervals(node, format.pixelformat, [width, height]) {
                let rate_hz = interval.and_then(rate_hz).unwrap_or(SUPPOSED_RATE_HZ);
                let mode = Mode { size, coding, rate_hz };
                if !driver_modes.iter().any(|o| o.mode == mode) {
                    driver_modes.push(DriverMode { mode, fourcc: format.pixelformat, interval });
                }
            }
        }
    }
    driver_modes
}

/// Sizes of a pixel format: width and height in pixels.
fn sizes(node: &dyn VideoNode, pixel_format: u32) -> Vec<[u32; 2]> {
    let mut sizes = Vec::new();
    for index in 0..MAX_ENTRIES {
        let mut entry = FrameSize { index, pixel_format, ..Zeroable::zeroed() };
        if call(node, Request::EnumFrameSize, &mut entry).is_err() {
            break;
        }
        if entry.kind != DISCRETE {
            let [min_width, max_width, step_x, min_height, max_height, step_y] = entry.size;
            let fits = |side: u32, [min, max, step]: [u32; 3]| {
                (min..=max).contains(&side) && (side - min).is_multiple_of(step.max(1))
            };
            let fits = |[width, height]: &[u32; 2]| {
                fits(*width, [min_width, max_width, step_x])
                    && fits(*height, [min_height, max_height, step_y])
            };
            sizes.extend(COMMON_SIZES.into_iter().filter(fits));
            sizes.push([max_width, max_height]);
            break;
        }
        let [width, height, ..] = entry.size;
        sizes.push([width, height]);
    }
    if sizes.is_empty() {
        // A driver that lists no sizes has one.
        sizes.extend(current(node).ok().map(|format| [format.width, format.height]));
    }
    sizes.retain(|sides| sides.iter().all(|side| (1..=MAX_SIDE_PX).contains(side)));
    sizes
}

/// Frame intervals of a size; one that is `None` if the driver reports none.
fn intervals(node: &dyn VideoNode, pixel_format: u32, size: [u32; 2]) -> Vec<Option<[u32; 2]>> {
    let [width, height] = size;
    let mut intervals = Vec::new();
    for index in 0..MAX_ENTRIES {
        let mut entry = FrameInterval { index, pixel_format, width, height, ..Zeroable::zeroed() };
        if call(node, Request::EnumFrameInterval, &mut entry).is_err() {
            break;
        }
        let [first, longest, _] = entry.interval;
        if entry.kind != DISCRETE {
            let seconds = |[n, d]: [u32; 2]| f64::from(n) / f64::from(d);
            let fits =
                |hz: &u32| (seconds(first)..=seconds(longest)).contains(&(1.0 / f64::from(*hz)));
            intervals.push(Some(first));
            intervals.extend(COMMON_RATES_HZ.into_iter().filter(fits).map(|hz| Some([1, hz])));
            break;
        }
        intervals.push(Some(first));
    }
    intervals.retain(|interval| interval.is_none_or(|i| rate_hz(i).is_some()));
    if intervals.is_empty() {
        intervals.push(None);
    }
    intervals
}

/// The present format.
pub(super) fn current(node: &dyn VideoNode) -> io::Result<Format> {
    let mut format = Format { kind: CAPTURE, ..Zeroable::zeroed() };
    call(node, Request::GetFormat, &mut format)?;
    Ok(format)
}

/// Selects a mode. Returns the format and the mode that the driver has chosen, which may differ.
///
/// # Errors
/// A message: the device is in use, or has chosen an encoding that is not supported.
pub(super) fn select(
    node: &dyn VideoNode,
    driver_mode: DriverMode,
) -> Result<(Format, Mode), String> {
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let mut format = Format {
        kind: CAPTURE,
        width: side(driver_mode.mode.size.width),
        height: side(driver_mode.mode.size.height),
        pixelformat: driver_mode.fourcc,
        ..Zeroable::zeroed()
    };
    call(node, Request::SetFormat, &mut format).map_err(|e| match e.kind() {
        io::ErrorKind::ResourceBusy => BUSY.to_owned(),
        _ => format!("its format cannot be set ({e}): {REPLUG}"),
    })?;
    let coding = coding(format.pixelformat).ok_or("it sends images in an unsupported format")?;
    let mut rate = driver_mode.mode.rate_hz;
    if let Some(interval) = driver_mode.interval {
        let mut parameters =
            StreamParameters { kind: CAPTURE, timeperframe: interval, ..Zeroable::zeroed() };
        // A driver without rates rejects the call.
        if call(node, Request::SetParameters, &mut parameters).is_ok() {
            rate = rate_hz(parameters.timeperframe).unwrap_or(rate);
        }
    }
    let [width, height] = [format.width, format.height];
    if [width, height].iter().any(|side| !(1..=MAX_SIDE_PX).contains(side)) {
        return Err(format!("it sends images of {width}x{height} pixels"));
    }
    let size = Size::new(width as usize, height as usize);
    Ok((format, Mode { size, coding, rate_hz: rate }))
}
