//! The order of SAN's layers in its encoders and its decoder, for engines on cards.

use crate::image::Size;
use crate::network::decoder_layers;

/// How a convolution reads its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    Plain,
    /// The mean of every 2x2 block.
    Pooled,
    /// Enlarged by two.
    Upsampled,
}

impl Source {
    /// Size of the output.
    pub(super) fn output(self, Size { width, height }: Size) -> Size {
        match self {
            Self::Plain => Size::new(width, height),
            Self::Pooled => Size::new(width / 2, height / 2),
            Self::Upsampled => Size::new(2 * width, 2 * height),
        }
    }
}

/// What a convolution does with its sums.
pub(super) enum Post<'a, M> {
    Linear,
    Relu,
    /// Then the sum with a map of the output's size.
    ReluAdd(&'a M),
}

/// An encoder, and with it the half of the fusion's first layer that reads its features.
#[derive(Clone, Copy)]
pub(super) enum Encoder {
    Image,
    /// For an image of this size.
    Events(Size),
}

impl Encoder {
    /// Name of its first convolution, whose ReLU's result [`Graph::encode`] continues with.
    pub(super) fn stem(self) -> String {
        format!("{}.conv1", self.name())
    }

    /// Name of the fusion's layer on the features of a level.
    pub(super) fn projection(self, level: usize) -> String {
        let what = match self {
            Self::Image => "image",
            Self::Events(_) => "event",
        };
        format!("msff{}.{what}", level + 1)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Image => "im_enc",
            Self::Events(_) => "ev_enc",
        }
    }
}

/// Lays out a network, one layer after the other.
pub(super) trait Graph {
    /// A feature map.
    type Map;
    type Error;

    /// See [`crate::network::Weights::contributing_levels`].
    fn levels(&self) -> usize;

    /// A convolution by the name of its weights.
    fn conv(
        &mut self,
        name: &str,
        input: &Self::Map,
        source: Source,
        post: &Post<'_, Self::Map>,
    ) -> Result<Self::Map, Self::Error>;

    /// A convolution with a ReLU that is the last to read `input`, and on its outputs the fusion's
    /// layer of that level: the maps of both.
    fn projected(
        &mut self,
        name: &str,
        input: Self::Map,
        encoder: Encoder,
        level: usize,
    ) -> Result<(Self::Map, Self::Map), Self::Error>;

    /// Nothing that follows reads the map.
    fn release(&mut self, map: Self::Map);

    /// The rest of an encoder after its first convolution: what the fusion reads of the features of
    /// the levels that contribute, the finest first.
    fn encode(&mut self, encoder: Encoder, stem: Self::Map) -> Result<Vec<Self::Map>, Self::Error> {
        let name = encoder.name();
        let (mut x, finest) = self.projected(&format!("{name}.conv2"), stem, encoder, 0)?;
        let mut out = vec![finest];
        for level in 1..self.levels() {
            let layer = |j: usize| format!("{name}.down{level}.conv{j}");
            let first = self.conv(&layer(1), &x, Source::Pooled, &Post::Relu)?;
            self.release(x);
            let (features, projected) = self.projected(&layer(2), first, encoder, level)?;
            x = features;
            out.push(projected);
        }
        self.release(x);
        Ok(out)
    }

    /// From the fused levels, finest first, to what the last convolution reads. `None` without
    /// levels.
    fn decode(&mut self, mut fused: Vec<Self::Map>) -> Result<Option<Self::Map>, Self::Error> {
        let layers = decoder_layers(fused.len());
        let Some(mut x) = fused.pop() else { return Ok(None) };
        if let Some(bottom) = &layers.bottom {
            let own = self.conv(bottom, &x, Source::Plain, &Post::Relu)?;
            self.release(x);
            x = own;
        }
        for ([first, second], skip) in layers.steps.iter().zip(fused.into_iter().rev()) {
            let sum = self.conv(first, &x, Source::Upsampled, &Post::ReluAdd(&skip))?;
            self.release(x);
            self.release(skip);
            x = self.conv(second, &sum, Source::Plain, &Post::Relu)?;
            self.release(sum);
        }
        Ok(Some(x))
    }
}
