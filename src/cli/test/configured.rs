//! What a recording is by the configuration: its sensor's size, its exposures, and the images to
//! restore.

use crate::cli::failure::Failure;
use gem_live::exposure::Exposure;
use gem_live::exposure::consistency::{Finding, is_exposed};
use gem_live::formats::config::Config;
use gem_live::image::{ImageU8, Size};
use gem_live::sequence::{Blur, GroundTruth, Pair};

/// What contradicts in a recording, or between it and the configuration.
pub(super) fn findings(config: &Config, pair: &Pair) -> Vec<Finding> {
    let mut findings = pair.findings();
    // Sharp images that are left out are counted.
    findings.retain(|f| !f.leaves_out_truths() && (config.has_gt || !f.is_about_truth()));
    let (file, configured) = (pair.scale_factor, config.scale_factor);
    if (file - configured).abs() > 1e-6 * file {
        let size = pair.frames.first().map_or(Size::new(0, 0), ImageU8::size);
        let sensor = sensor(config, size);
        let outside = pair.events.iter().filter(|e| !inside(sensor, e.x, e.y)).count();
        let outside = (pair.events.len(), outside);
        findings.push(Finding::Scale { file, configured, outside });
    }
    findings
}

/// The sensor's size by the configuration's scale factor.
fn sensor(config: &Config, size: Size) -> Size {
    let cells = |n: usize| (n as f64 / config.scale_factor).floor() as usize;
    Size::new(cells(size.width), cells(size.height))
}

/// Index and time in microseconds of every image to restore, per blurry frame that it is
/// restored from. Instants up to the end of the first exposure belong to the first frame. Also the
/// number of sharp images that are left out, because they were not taken during an exposure.
pub(super) fn targets(
    config: &Config,
    pair: &Pair,
    truth: Option<&GroundTruth>,
) -> ([Vec<(usize, f64)>; 2], usize) {
    let [[start1, end1], [start2, end2]] = pair.exposures_us.map(|e| e.map(|t| t as f64));
    let times: Vec<(usize, f64)> = match config.predict_ts {
        Some(f) => {
            let at = |start: f64, end: f64| start + f * (end - start);
            vec![(0, at(start1, end1)), (1, at(start2, end2))]
        }
        None => {
            let all = truth.iter().flat_map(|t| &t.timestamps_us).enumerate();
            let exposed = all.filter(|(_, t)| is_exposed(**t, &pair.exposures_us));
            exposed.map(|(index, t)| (index, *t as f64)).collect()
        }
    };
    let all = truth.map_or(0, |t| t.timestamps_us.len());
    let left_out = if config.predict_ts.is_some() { 0 } else { all - times.len() };
    let (first, second) = times.into_iter().partition(|(_, t)| *t <= end1);
    ([first, second], left_out)
}

/// The exposure with a sensor size computed from the configuration's scale factor, not from the
/// file's. Events outside this sensor are removed, as in the authors' code.
pub(super) fn exposure(config: &Config, pair: &Pair, blur: Blur) -> Result<Exposure, Failure> {
    let mut exposure = pair.exposure(blur)?;
    let size = exposure.frame.size();
    let sensor = sensor(config, size);
    let fits = |side: usize, image: usize| side > 0 && side <= image.saturating_mul(16);
    if !(fits(sensor.width, size.width) && fits(sensor.height, size.height)) {
        let scale = config.scale_factor;
        return Err(format!("scale_factor {scale} does not fit images of {size}").into());
    }
    exposure.events.retain(|e| inside(sensor, e.x, e.y));
    exposure.sensor = sensor;
    Ok(exposure)
}

fn inside(sensor: Size, x: u16, y: u16) -> bool {
    usize::from(x) < sensor.width && usize::from(y) < sensor.height
}
