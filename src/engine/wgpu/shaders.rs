//! The shaders in `shaders/san/`, and the lines that are put in front of them.

use super::Precision;
use super::adapters::MatrixShape;
use crate::engine::graph::Source;

/// Where the end of the network writes its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum HeadOutput {
    /// The sharp image and the ratio, in single precision.
    F32,
    /// Planes of eight bits.
    U8,
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
    /// Of numbers in eight bits or in single precision.
    Planes {
        bytes: bool,
    },
    Count,
    ScaleCounts {
        vectors: u32,
    },
    AppendPrior {
        vectors: u32,
    },
    Neighbours,
}

/// A shader to compile.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kernel {
    pub(super) name: KernelName,
    /// The result is in single precision, independent of how maps are stored.
    pub(super) wide: bool,
    /// A subgroup reads its weights once, see [`KernelName::sharing`].
    pub(super) subgroups: bool,
}

impl From<KernelName> for Kernel {
    fn from(name: KernelName) -> Self {
        Self { name, wide: false, subgroups: false }
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
            Self::Planes { .. } => "planes",
            Self::Count => "count",
            Self::Neighbours => "neighbours",
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
            Self::Planes { .. } | Self::Count => "urw",
            Self::ScaleCounts { .. } | Self::AppendPrior { .. } => "uurw",
            Self::Neighbours => "w",
        }
    }

    /// Eight outputs each, in a workgroup of `deform.wgsl`.
    pub(super) fn deform_groups(vectors: u32) -> u32 {
        (vectors / 2).min(8)
    }

    /// Neighbouring threads that read the same weights; a kernel may use subgroups that are no
    /// larger. `None`: it has no form for subgroups.
    pub(super) fn sharing(self) -> Option<u32> {
        match self {
            Self::Conv { matrices: None, .. } => Some(64),
            Self::Deform { .. } => Some(32),
            Self::Fuse { vectors } => Some(128 / vectors.max(1)),
            _ => None,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Conv { .. } => include_str!("../../../shaders/san/conv.wgsl"),
            Self::Deform { .. } => include_str!("../../../shaders/san/deform.wgsl"),
            Self::Fuse { .. } => include_str!("../../../shaders/san/fuse.wgsl"),
            Self::Head(_) => include_str!("../../../shaders/san/head.wgsl"),
            Self::Planes { .. } => include_str!("../../../shaders/san/planes.wgsl"),
            Self::Count => include_str!("../../../shaders/san/count.wgsl"),
            Self::Neighbours => include_str!("../../../shaders/san/neighbours.wgsl"),
            Self::ScaleCounts { .. } | Self::AppendPrior { .. } => {
                include_str!("../../../shaders/san/events.wgsl")
            }
        }
    }

    /// Source text for shaders that compute four pixels and eight outputs per thread: it precedes
    /// their own.
    fn sums(self, subgroups: bool) -> String {
        let Some(sharing) = self.sharing() else { return String::new() };
        let place = if subgroups {
            include_str!("../../../shaders/san/place_subgroup.wgsl")
        } else {
            include_str!("../../../shaders/san/place_own.wgsl")
        };
        let sums = include_str!("../../../shaders/san/sums.wgsl");
        format!("const SHARING: u32 = {sharing}u;\n{place}{sums}")
    }

    /// Source text for shaders that read the blurry image: it precedes their own.
    fn image(self) -> &'static str {
        match self {
            Self::Planes { .. } | Self::Head(_) => {
                include_str!("../../../shaders/san/image.wgsl")
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
                source_number(source),
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
                format!("const PIXELS: bool = {};\n", output == HeadOutput::U8)
            }
            Self::Planes { bytes } => format!("const BYTES: bool = {bytes};\n"),
            Self::Count | Self::Neighbours => String::new(),
        }
    }
}

/// As in `conv.wgsl`.
fn source_number(source: Source) -> u32 {
    match source {
        Source::Plain => 0,
        Source::Pooled => 1,
        Source::Upsampled => 2,
    }
}

/// The constants and types of `conv_matrix.wgsl`.
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
    text.push_str(&name.sums(kernel.subgroups));
    text.push_str(name.image());
    text.push_str(name.text());
    text.push_str(name.end());
    text
}

#[cfg(test)]
mod tests;
