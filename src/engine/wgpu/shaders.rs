//! The shaders in `shaders/san/`, and the lines that are put in front of them.

use super::Precision;
use super::adapters::MatrixShape;

/// How a convolution reads its input, as in `conv.wgsl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    Plain,
    Pooled,
    Upsampled,
}

/// Where the end of the network writes its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum HeadOutput {
    /// The sharp image and the ratio, in single precision.
    Numbers,
    /// Planes of eight bits.
    Pixels,
    /// A texture of eight bits; if `gray`, all colours are their mean.
    Picture { gray: bool },
}

/// A shader's entry point with its constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum KernelName {
    /// With cooperative matrices if there is a shape.
    Conv {
        kernel: u32,
        source: Source,
        rectify: bool,
        add: bool,
        matrices: Option<MatrixShape>,
    },
    Deform {
        kernel: u32,
        vectors: u32,
    },
    Fuse {
        vectors: u32,
    },
    Head(HeadOutput),
    Planes,
    Count,
    ScaleCounts {
        vectors: u32,
    },
    AppendPrior {
        vectors: u32,
    },
}

/// A shader to compile.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kernel {
    pub(super) name: KernelName,
    /// The result is in single precision, whatever maps are stored in.
    pub(super) wide: bool,
}

impl From<KernelName> for Kernel {
    fn from(name: KernelName) -> Self {
        Self { name, wide: false }
    }
}

impl KernelName {
    /// Name of the file in `shaders/san/`, without its extension.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Conv { .. } => "conv",
            Self::Deform { .. } => "deform",
            Self::Fuse { .. } => "fuse",
            Self::Head(_) => "head",
            Self::Planes => "planes",
            Self::Count => "count",
            Self::ScaleCounts { .. } | Self::AppendPrior { .. } => "events",
        }
    }

    /// Name of the entry point.
    pub(super) fn entry(self) -> &'static str {
        match self {
            Self::ScaleCounts { .. } => "scale_counts",
            Self::AppendPrior { .. } => "append_prior",
            _ => "main",
        }
    }

    /// Kinds of its bindings in order: uniform, read, written, or a texture that is written.
    pub(super) fn bindings(self) -> &'static str {
        match self {
            Self::Conv { .. } | Self::Deform { .. } => "urrrrw",
            Self::Fuse { .. } => "urrrrwr",
            Self::Head(HeadOutput::Picture { .. }) => "urrrrtu",
            Self::Head(_) => "urrrrwu",
            Self::Planes | Self::Count => "urw",
            Self::ScaleCounts { .. } | Self::AppendPrior { .. } => "uurw",
        }
    }

    /// Eight outputs each, in a workgroup of `deform.wgsl`.
    pub(super) fn deform_groups(vectors: u32) -> u32 {
        (vectors / 2).min(8)
    }

    fn text(self) -> &'static str {
        match self {
            Self::Conv { .. } => include_str!("../../../shaders/san/conv.wgsl"),
            Self::Deform { .. } => include_str!("../../../shaders/san/deform.wgsl"),
            Self::Fuse { .. } => include_str!("../../../shaders/san/fuse.wgsl"),
            Self::Head(_) => include_str!("../../../shaders/san/head.wgsl"),
            Self::Planes => include_str!("../../../shaders/san/planes.wgsl"),
            Self::Count => include_str!("../../../shaders/san/count.wgsl"),
            Self::ScaleCounts { .. } | Self::AppendPrior { .. } => {
                include_str!("../../../shaders/san/events.wgsl")
            }
        }
    }

    /// What shaders have in front of them that add up four pixels and eight outputs per thread.
    fn sums(self) -> &'static str {
        match self {
            Self::Conv { matrices: None, .. } | Self::Deform { .. } | Self::Fuse { .. } => {
                include_str!("../../../shaders/san/sums.wgsl")
            }
            _ => "",
        }
    }

    /// The part of a shader that has several forms.
    fn end(self) -> &'static str {
        match self {
            Self::Head(HeadOutput::Picture { .. }) => {
                include_str!("../../../shaders/san/head_picture.wgsl")
            }
            Self::Head(_) => include_str!("../../../shaders/san/head_buffer.wgsl"),
            Self::Conv { matrices: Some(_), .. } => {
                include_str!("../../../shaders/san/conv_matrix.wgsl")
            }
            Self::Conv { .. } => include_str!("../../../shaders/san/conv_plain.wgsl"),
            _ => "",
        }
    }

    fn constants(self) -> String {
        match self {
            Self::Conv { kernel, source, rectify, add, matrices } => format!(
                "const KERNEL: u32 = {kernel}u;\nconst SOURCE: u32 = {}u;\n\
                 const RECTIFY: bool = {rectify};\nconst ADD: bool = {add};\n{}",
                source as u32,
                matrices.map(matrix_constants).unwrap_or_default()
            ),
            Self::Deform { kernel, vectors } => format!(
                "const KERNEL: u32 = {kernel}u;\nconst VECTORS: u32 = {vectors}u;\n\
                 const GROUPS: u32 = {}u;\n",
                Self::deform_groups(vectors)
            ),
            Self::Fuse { vectors }
            | Self::ScaleCounts { vectors }
            | Self::AppendPrior { vectors } => format!("const VECTORS: u32 = {vectors}u;\n"),
            Self::Head(HeadOutput::Picture { gray }) => format!("const GRAY: bool = {gray};\n"),
            Self::Head(output) => {
                format!("const PIXELS: bool = {};\n", output == HeadOutput::Pixels)
            }
            Self::Planes | Self::Count => String::new(),
        }
    }
}

/// What `conv_matrix.wgsl` is told.
fn matrix_constants(MatrixShape { tile, threads }: MatrixShape) -> String {
    let coop = |scalar: &str, role: &str| format!("coop_mat{tile}x{tile}<{scalar}, {role}>");
    format!(
        "const TILE: u32 = {tile}u;\nconst THREADS: u32 = {threads}u;\nalias CoopLeft = {};\n\
         alias CoopRight = {};\nalias CoopSum = {};\n",
        coop("f16", "A"),
        coop("f16", "B"),
        coop("f32", "C")
    )
}

/// The complete source of a shader.
pub(super) fn source(kernel: &Kernel, precision: Precision) -> String {
    let (name, half) = (kernel.name, precision == Precision::Half);
    let wide = "vec4<f32>";
    let map = if half { "vec4<f16>" } else { wide };
    let output = if kernel.wide { wide } else { map };
    let limit = if half && !kernel.wide { "65504.0" } else { "3.4e38" };
    let mut text = String::new();
    if half {
        text.push_str("enable f16;\n");
    }
    if matches!(name, KernelName::Conv { matrices: Some(_), .. }) {
        text.push_str("enable wgpu_cooperative_matrix;\n");
    }
    text.push_str(&format!(
        "alias Map = {map};\nalias Output = {output};\nconst LIMIT: f32 = {limit};\n"
    ));
    text.push_str(&name.constants());
    text.push_str(include_str!("../../../shaders/san/common.wgsl"));
    text.push_str(name.sums());
    text.push_str(name.text());
    text.push_str(name.end());
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use crate::engine::wgpu::adapters::needed;
    use naga::AddressSpace;
    use naga::back::{hlsl, msl, spv};
    use naga::valid::{Capabilities, ValidationFlags, Validator};

    fn convolutions(matrices: Option<MatrixShape>) -> Vec<Kernel> {
        let mut all: Vec<Kernel> = Vec::new();
        for kernel in [1, 3, 5, 7] {
            for source in [Source::Plain, Source::Pooled, Source::Upsampled] {
                for (rectify, add) in [(false, false), (true, false), (true, true)] {
                    let name = KernelName::Conv { kernel, source, rectify, add, matrices };
                    all.push(name.into());
                }
            }
            let (source, rectify, add) = (Source::Plain, false, false);
            let name = KernelName::Conv { kernel, source, rectify, add, matrices };
            all.push(Kernel { name, wide: true });
        }
        all
    }

    /// Every shader that a plan may use on any device.
    fn kernels() -> Vec<Kernel> {
        let mut all = convolutions(None);
        for (kernel, vectors) in [(5, 4), (3, 8), (3, 16), (3, 32)] {
            all.push(KernelName::Deform { kernel, vectors }.into());
            all.push(KernelName::Fuse { vectors }.into());
        }
        let pictures = [false, true].map(|gray| HeadOutput::Picture { gray });
        let outputs = [HeadOutput::Numbers, HeadOutput::Pixels].into_iter().chain(pictures);
        all.extend(outputs.map(|output| KernelName::Head(output).into()));
        all.extend([KernelName::Planes, KernelName::Count].map(Kernel::from));
        for vectors in [24, 25] {
            all.push(KernelName::ScaleCounts { vectors }.into());
        }
        all.push(KernelName::AppendPrior { vectors: 25 }.into());
        all
    }

    #[test]
    fn every_shader_is_valid_and_can_be_translated_for_vulkan_metal_and_directx() {
        for precision in [Precision::Single, Precision::Half] {
            for kernel in kernels() {
                let text = source(&kernel, precision);
                let module = naga::front::wgsl::parse_str(&text)
                    .unwrap_or_else(|e| panic!("{kernel:?}: {}", e.emit_to_string(&text)));
                let capabilities = match precision {
                    Precision::Single => Capabilities::empty(),
                    Precision::Half => Capabilities::SHADER_FLOAT16,
                };
                let info = Validator::new(ValidationFlags::all(), capabilities)
                    .validate(&module)
                    .unwrap_or_else(|e| panic!("{kernel:?}: {}", e.emit_to_string(&text)));
                assert!(module.entry_points.iter().any(|e| e.name == kernel.name.entry()));
                let words = spv::write_vec(&module, &info, &spv::Options::default(), None);
                assert!(!words.unwrap().is_empty());
                // Of macOS 11 and iOS 14.
                let metal = msl::Options { lang_version: (2, 3), ..msl::Options::default() };
                msl::write_string(&module, &info, &metal, &msl::PipelineOptions::default())
                    .unwrap();
                let directx = hlsl::Options {
                    shader_model: hlsl::ShaderModel::V6_2,
                    fake_missing_bindings: true,
                    ..hlsl::Options::default()
                };
                let entry = hlsl::PipelineOptions::default();
                let mut text = String::new();
                hlsl::Writer::new(&mut text, &directx, &entry).write(&module, &info, None).unwrap();
                check_resources(&kernel, &module);
            }
        }
    }

    /// No driver here has cooperative matrices, so this is all that is known of these shaders.
    #[test]
    fn shaders_with_cooperative_matrices_are_valid_for_vulkan_and_metal() {
        for tile in [8, 16] {
            let shape = MatrixShape { tile, threads: 32 };
            for kernel in convolutions(Some(shape)) {
                let text = source(&kernel, Precision::Half);
                let module = naga::front::wgsl::parse_str(&text)
                    .unwrap_or_else(|e| panic!("{kernel:?}: {}", e.emit_to_string(&text)));
                let capabilities = Capabilities::SHADER_FLOAT16 | Capabilities::COOPERATIVE_MATRIX;
                let info = Validator::new(ValidationFlags::all(), capabilities)
                    .validate(&module)
                    .unwrap_or_else(|e| panic!("{kernel:?}: {}", e.emit_to_string(&text)));
                let options = spv::Options { lang_version: (1, 3), ..spv::Options::default() };
                assert!(!spv::write_vec(&module, &info, &options, None).unwrap().is_empty());
                // Metal has matrices of 8x8 only.
                if tile == 8 {
                    let metal = msl::Options { lang_version: (2, 3), ..msl::Options::default() };
                    msl::write_string(&module, &info, &metal, &msl::PipelineOptions::default())
                        .unwrap();
                }
                check_resources(&kernel, &module);
            }
        }
    }

    /// Workgroup memory, invocations and bindings are those that a device is asked for.
    fn check_resources(kernel: &Kernel, module: &naga::Module) {
        let limits = needed(&wgpu::Limits::default());
        let globals = || module.global_variables.iter().map(|(_, v)| v);
        let shared = globals().filter(|v| v.space == AddressSpace::WorkGroup);
        let bytes: u32 = shared.map(|v| module.types[v.ty].inner.size(module.to_ctx())).sum();
        assert!(bytes <= limits.max_compute_workgroup_storage_size, "{kernel:?}: {bytes} bytes");
        let bindings = kernel.name.bindings();
        assert_eq!(globals().filter(|v| v.binding.is_some()).count(), bindings.len());
        let buffers = bindings.chars().filter(|c| !matches!(c, 'u' | 't')).count();
        assert!(buffers <= limits.max_storage_buffers_per_shader_stage as usize);
        for entry in &module.entry_points {
            let invocations: u32 = entry.workgroup_size.iter().product();
            assert!(invocations <= limits.max_compute_invocations_per_workgroup);
        }
    }
}
