//! The forward and the backward pass of the whole network.

use super::map::Map;
use super::resample::{downsample, upsample};
use super::softplus::Softplus;
use super::{Input, Joint, Level, Net, Output, Saved, Up};
use crate::engine::EngineError;
use crate::train::layout::Gradient;

impl Net {
    /// Runs one input.
    ///
    /// # Errors
    /// The network cannot process the shapes.
    pub fn forward(&self, input: &Input) -> Result<Output, EngineError> {
        input.check(self.event_input)?;
        let size = (input.height, input.width);
        let image = Map::from_planes(&input.blur, size, 3, 3, |v| (v - 0.5) / 0.5);
        let image = self.image.run(image);
        let sensor = (input.event_height, input.event_width);
        let channels = self.event_input.channels();
        let events = self.events.run(Map::from_planes(&input.events, sensor, channels, 3, |v| v));
        let (mut joined, mut skips) = (Vec::new(), Vec::new());
        for (i, Level { fusion, joint, pad }) in self.levels.iter().enumerate() {
            let (out, fused) = fusion.run(&events.features[i], &image.features[i], *pad);
            let (skip, offsets) = match joint {
                Joint::Plain(conv) => (conv.run(&out, 0, false), None),
                Joint::Deformable(both) => {
                    let (offsets, deform) = both.as_ref();
                    let offsets = offsets.run(&out, 0, false);
                    (deform.run(&out, &offsets), Some(offsets))
                }
            };
            joined.push((fused, out, offsets));
            skips.push(skip);
        }
        let mut x = skips.pop().unwrap_or_else(|| Map::zeros(1, 1, 1, 0));
        let mut decoder: Vec<Up> = Vec::new();
        if let Some(bottom) = &self.bottom {
            let sum = x.padded(1);
            let output = bottom.run(&sum, 1, true);
            decoder.push(Up { coarser: None, sum, output });
        }
        for ([a, b], skip) in self.steps.iter().zip(skips.iter().rev()) {
            let input = upsample(self.isa, decoder.last().map_or(&x, |up| &up.output), 1);
            let first = a.run(&input, 0, true);
            let sum = first.sum(skip, 1);
            let output = b.run(&sum, 1, true);
            decoder.push(Up { coarser: Some([input, first]), sum, output });
        }
        if let Some(up) = decoder.last() {
            x = self.last.run(&up.output, 0, false);
        }
        let Softplus { value: ratio, slope } = Softplus::new(self.isa, &x);
        let latent = ratio.iter().zip(&input.blur).map(|(r, b)| r * b).collect();
        let saved = Saved { image, events, joined, decoder, slope };
        Ok(Output { latent, ratio, saved })
    }

    /// Computes the parameter derivatives from a loss's derivatives with respect to latent image
    /// and ratio, `(3, height, width)` each, and adds them to `gradient`.
    ///
    /// # Panics
    /// The derivatives do not have the image's size.
    pub fn backward(
        &self,
        input: &Input,
        output: &Output,
        by_latent: &[f32],
        by_ratio: &[f32],
        gradient: &mut Gradient,
    ) {
        let saved = &output.saved;
        assert_eq!((by_latent.len(), by_ratio.len()), (input.blur.len(), input.blur.len()));
        let by_output = {
            let by_ratio = by_ratio.iter().zip(by_latent).zip(&input.blur);
            let by_ratio = by_ratio.map(|((ratio, latent), blur)| ratio + blur * latent);
            let planes: Vec<f32> = by_ratio.zip(&saved.slope).map(|(d, slope)| d * slope).collect();
            let size = (input.height, input.width);
            Map::from_planes(&planes, size, self.last.derivative_channels, 1, |v| v)
        };
        let skips = self.decoder_backward(saved, &by_output, gradient);
        let (mut by_image, mut by_events) = (Vec::new(), Vec::new());
        for (i, (Level { fusion, joint, pad }, d)) in self.levels.iter().zip(skips).enumerate() {
            let (fused, out, offsets) = &saved.joined[i];
            let by_out = match (joint, offsets) {
                (Joint::Deformable(both), Some(offsets)) => {
                    let (conv, deform) = both.as_ref();
                    let (mut by_out, shifts) = deform.backward(out, offsets, &d, *pad, gradient);
                    conv.weights(out, &shifts, gradient);
                    by_out.add(&conv.input(&shifts, 0));
                    by_out
                }
                (Joint::Plain(conv), _) => {
                    conv.weights(out, &d, gradient);
                    conv.input(&d, 0)
                }
                (Joint::Deformable(_), None) => continue,
            };
            let (events, image) = (&saved.events.features[i], &saved.image.features[i]);
            let border = self.image.border(i);
            let (to_event, to_image) =
                fusion.backward(events, image, fused, &by_out, border, gradient);
            by_events.push(to_event);
            by_image.push(to_image);
        }
        self.image.backward(&saved.image, by_image, gradient);
        self.events.backward(&saved.events, by_events, gradient);
    }

    /// The derivatives of every level's skip connection, finest first, with the border that the level
    /// needs.
    fn decoder_backward(
        &self,
        saved: &Saved,
        by_output: &Map,
        gradient: &mut Gradient,
    ) -> Vec<Map> {
        let mut skips = Vec::new();
        let Some(top) = saved.decoder.last() else { return skips };
        self.last.weights(&top.output, by_output, gradient);
        let mut d = self.last.input_before_relu(by_output, &top.output, 1);
        let bottom = self.bottom.iter().map(|second| (None, second.as_ref()));
        let steps = bottom.chain(self.steps.iter().map(|[first, second]| (Some(first), second)));
        let steps: Vec<_> = steps.zip(&saved.decoder).collect();
        for (i, ((first, second), up)) in steps.into_iter().enumerate().rev() {
            second.weights(&up.sum, &d, gradient);
            let pad = self.levels[skips.len()].pad;
            let by_sum = second.input(&d, pad);
            if let (Some(first), Some([input, output])) = (first, &up.coarser) {
                let before = by_sum.before_relu(self.isa, output, 1);
                first.weights(input, &before, gradient);
                d = downsample(self.isa, &first.input(&before, 0));
                if let Some(coarser) = i.checked_sub(1) {
                    d = d.before_relu(self.isa, &saved.decoder[coarser].output, 1);
                }
            }
            skips.push(by_sum);
        }
        // Without a convolution at the bottom, the coarsest skip connection itself was enlarged.
        if let (None, Some(level)) = (&self.bottom, self.levels.last()) {
            skips.push(d.padded(level.pad));
        }
        skips
    }
}
