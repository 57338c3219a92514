//! The shaders in `shaders/san/`, and the lines that are put in front of them.

use super::Precision;

/// How a convolution reads its input, as in `conv.wgsl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    Plain,
    Pooled,
    Upsampled,
}

/// A shader's entry point with its constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum KernelName {
    Conv { kernel: u32, source: Source, rectify: bool, add: bool },
    Deform { kernel: u32, vectors: u32 },
    Fuse { vectors: u32 },
    Head { pixels: bool },
    Planes,
    Count,
    ScaleCounts { vectors: u32 },
    AppendPrior { vectors: u32 },
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
            Self::Head { .. } => "head",
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

    /// Kinds of its bindings in order: uniform, read or written.
    pub(super) fn bindings(self) -> &'static str {
        match self {
            Self::Conv { .. } | Self::Deform { .. } => "urrrrw",
            Self::Fuse { .. } => "urrrrwr",
            Self::Head { .. } => "urrrrwu",
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
            Self::Head { .. } => include_str!("../../../shaders/san/head.wgsl"),
            Self::Planes => include_str!("../../../shaders/san/planes.wgsl"),
            Self::Count => include_str!("../../../shaders/san/count.wgsl"),
            Self::ScaleCounts { .. } | Self::AppendPrior { .. } => {
                include_str!("../../../shaders/san/events.wgsl")
            }
        }
    }

    fn constants(self) -> String {
        match self {
            Self::Conv { kernel, source, rectify, add } => format!(
                "const KERNEL: u32 = {kernel}u;\nconst SOURCE: u32 = {}u;\n\
                 const RECTIFY: bool = {rectify};\nconst ADD: bool = {add};\n",
                source as u32
            ),
            Self::Deform { kernel, vectors } => format!(
                "const KERNEL: u32 = {kernel}u;\nconst VECTORS: u32 = {vectors}u;\n\
                 const GROUPS: u32 = {}u;\n",
                Self::deform_groups(vectors)
            ),
            Self::Fuse { vectors }
            | Self::ScaleCounts { vectors }
            | Self::AppendPrior { vectors } => format!("const VECTORS: u32 = {vectors}u;\n"),
            Self::Head { pixels } => format!("const PIXELS: bool = {pixels};\n"),
            Self::Planes | Self::Count => String::new(),
        }
    }
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
    text.push_str(&format!(
        "alias Map = {map};\nalias Output = {output};\nconst LIMIT: f32 = {limit};\n"
    ));
    text.push_str(&name.constants());
    text.push_str(include_str!("../../../shaders/san/common.wgsl"));
    text.push_str(name.text());
    text
}
