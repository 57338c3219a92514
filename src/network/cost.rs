//! Computational cost of the network, with the fusion in the reduced form that the engines use.

use super::{FUSION_LEVELS, parameters};
use crate::event::EventInput;
use crate::image::Size;

/// Floating-point operations (two per multiply-accumulate) of restoring `instants` of one
/// exposure. Bias, activation, pooling, upsampling, sampling and blending are not counted.
pub fn operations(input: EventInput, image: Size, events: Size, instants: usize) -> f64 {
    let halved =
        |size: Size, level: usize| ((size.width >> level) as f64) * ((size.height >> level) as f64);
    let mut once = 0.0;
    let mut each = 0.0;
    for (name, shape) in parameters(input) {
        let weights = shape.iter().product::<usize>() as f64;
        let (part, rest) = name.split_once('.').unwrap_or((&name, ""));
        if !rest.ends_with("weight") {
            continue;
        }
        let digit = |text: &str, prefix: &str| {
            text.strip_prefix(prefix).and_then(|t| t.chars().next()?.to_digit(10))
        };
        match part {
            "im_enc" => {
                once += weights * halved(image, digit(rest, "down").unwrap_or(0) as usize);
            }
            "ev_enc" => {
                each += weights * halved(events, digit(rest, "down").unwrap_or(0) as usize);
            }
            "dec" => {
                let level = digit(rest, "up").map_or(0, |up| 4 - up as usize);
                each += weights * halved(image, level);
            }
            _ => {
                let level = digit(part, "msff").map_or(0, |l| l as usize - 1);
                let pixels = halved(image, level);
                let square = FUSION_LEVELS.get(level).map_or(0, |l| l.channels.pow(2)) as f64;
                if rest.ends_with("layers.0.weight") {
                    once += square * pixels;
                    each += square * halved(events, level);
                } else if rest.ends_with("layers.2.weight") || rest.ends_with("layers.4.weight") {
                    each += 4.0 * square * pixels;
                } else {
                    each += weights * pixels;
                }
            }
        }
    }
    2.0 * (once + instants as f64 * each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_is_the_published_one_minus_the_savings_of_the_reduced_form() {
        let small = operations(EventInput::Counts, Size::new(288, 192), Size::new(72, 48), 1);
        let large = operations(EventInput::Counts, Size::new(1152, 768), Size::new(288, 192), 1);
        // 135 kMAC per pixel as published; the four-fold first and last MLP layers cost 11.4.
        assert!((small / 2e3 / (288.0 * 192.0) - 123.6).abs() < 1.0, "{small}");
        assert!((large / small - 16.0).abs() < 0.01, "{large}");
    }
}
