//! The levels of a network that influence its picture.

use super::{FUSION_LEVELS, Weights};

impl Weights {
    /// Number of levels that influence the restored image, the finest first: 1 to 5. Engines do not
    /// compute the others.
    ///
    /// The decoder adds the rectified result of `dec.upN.conv1` on everything coarser to a level. If
    /// that layer's weights are zero and no bias is positive, it adds nothing.
    pub fn contributing_levels(&self) -> usize {
        let steps = FUSION_LEVELS.len() - 1;
        let is_silent = |level: &usize| {
            let get = |what| self.get(&format!("dec.up{}.conv1.{what}", steps + 1 - level));
            get("weight").iter().all(|w| *w == 0.0) && get("bias").iter().all(|b| *b <= 0.0)
        };
        (1..=steps).find(is_silent).unwrap_or(FUSION_LEVELS.len())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use crate::event::EventInput;
    use crate::network::{Tensor, parameters};

    /// Weights of ones, but for `silent` layers of zeros with this bias.
    fn weights(silent: &[&str], bias: f32) -> Weights {
        let tensor = |(name, shape): (String, Vec<usize>)| {
            let is_silent = silent.iter().any(|layer| name.starts_with(layer));
            let value = match (is_silent, name.ends_with("bias")) {
                (false, _) => 1.0,
                (true, false) => 0.0,
                (true, true) => bias,
            };
            (name, Tensor { data: vec![value; shape.iter().product()], shape })
        };
        let all = parameters(EventInput::Counts).into_iter().map(tensor).collect();
        Weights::from_tensors(all).unwrap()
    }

    #[test]
    fn levels_behind_a_silent_layer_do_not_contribute() {
        assert_eq!(weights(&[], 0.0).contributing_levels(), 5);
        for (layer, levels) in [("dec.up4", 1), ("dec.up3", 2), ("dec.up2", 3), ("dec.up1", 4)] {
            let layer = format!("{layer}.conv1");
            assert_eq!(weights(&[&layer], -0.5).contributing_levels(), levels);
            // A positive bias is added everywhere.
            assert_eq!(weights(&[&layer], 0.5).contributing_levels(), 5);
        }
        assert_eq!(weights(&["dec.up3.conv1", "dec.up1.conv1"], 0.0).contributing_levels(), 2);
        assert_eq!(weights(&["dec.up3.conv2"], 0.0).contributing_levels(), 5);
    }
}
