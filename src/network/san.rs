//! The layers of SAN (GEM, ICCV 2023, section 3.2 and figure 3), with their published names.

use crate::event::EventInput;

/// One level of the multi-scale feature fusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FusionLevel {
    /// Number of channels of both encoders' features, and of the fused features.
    pub channels: usize,
    /// Side of the deformable convolution's kernel.
    pub kernel: usize,
}

/// The five levels, full resolution first; each further level halves both sides.
pub const FUSION_LEVELS: [FusionLevel; 5] = [
    FusionLevel { channels: 16, kernel: 5 },
    FusionLevel { channels: 32, kernel: 3 },
    FusionLevel { channels: 64, kernel: 3 },
    FusionLevel { channels: 128, kernel: 3 },
    FusionLevel { channels: 128, kernel: 3 },
];

/// Name and shape of every parameter of the network with the given event input, in the order of
/// the published code.
pub fn parameters(events: EventInput) -> Vec<(String, Vec<usize>)> {
    let mut list = Vec::new();
    let mut conv = |name: String, cout: usize, cin: usize, k: usize| {
        list.push((format!("{name}.weight"), vec![cout, cin, k, k]));
        list.push((format!("{name}.bias"), vec![cout]));
    };
    for (encoder, cin) in [("im_enc", 3), ("ev_enc", events.channels())] {
        conv(format!("{encoder}.conv1"), 16, cin, 7);
        conv(format!("{encoder}.conv2"), 16, 16, 7);
        for (i, (a, b, k)) in
            [(16, 32, 5), (32, 64, 3), (64, 128, 3), (128, 128, 3)].into_iter().enumerate()
        {
            conv(format!("{encoder}.down{}.conv1", i + 1), b, a, k);
            conv(format!("{encoder}.down{}.conv2", i + 1), b, b, k);
        }
    }
    for (i, (a, b)) in [(128, 128), (128, 64), (64, 32), (32, 16)].into_iter().enumerate() {
        conv(format!("dec.up{}.conv1", i + 1), b, a, 3);
        conv(format!("dec.up{}.conv2", i + 1), b, b, 3);
    }
    conv("dec.conv".to_owned(), 3, 16, 3);
    for (i, FusionLevel { channels: c, kernel: k }) in FUSION_LEVELS.into_iter().enumerate() {
        let name = format!("msff{}", i + 1);
        conv(format!("{name}.dcn"), c, c, k);
        conv(format!("{name}.dcn.conv_offset_mask"), 3 * k * k, c, k);
    }
    for (i, FusionLevel { channels: c, .. }) in FUSION_LEVELS.into_iter().enumerate() {
        for (layer, cin) in [(0, 2 * c + 4), (2, c), (4, c), (6, c)] {
            let name = format!("msff{}.mlp.imnet.layers.{layer}", i + 1);
            list.push((format!("{name}.weight"), vec![c, cin]));
            list.push((format!("{name}.bias"), vec![c]));
        }
    }
    list
}
