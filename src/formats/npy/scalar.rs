//! The types of elements.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

/// The type of a number, and its byte order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scalar {
    pub(super) kind: ScalarKind,
    /// Bytes.
    pub(super) width: usize,
    /// The most significant byte comes first.
    pub(super) big: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ScalarKind {
    Bool,
    Unsigned,
    Signed,
    Float,
    /// A time, and its unit as a fraction in microseconds: numerator and denominator.
    Time(i64, i64),
}

impl Scalar {
    /// Parses a dtype such as `<i8` or `<m8[us]`; `None` for those that are not numbers.
    pub(super) fn parse(descr: &str) -> Option<Self> {
        let kind = descr.trim_start_matches(['<', '>', '|', '=']);
        let big = descr.starts_with('>');
        let (kind, unit) = kind.split_once('[').unwrap_or((kind, ""));
        let (kind, width) = match kind {
            "b1" | "?" => (ScalarKind::Bool, 1),
            "u1" => (ScalarKind::Unsigned, 1),
            "u2" => (ScalarKind::Unsigned, 2),
            "u4" => (ScalarKind::Unsigned, 4),
            "u8" => (ScalarKind::Unsigned, 8),
            "i1" => (ScalarKind::Signed, 1),
            "i2" => (ScalarKind::Signed, 2),
            "i4" => (ScalarKind::Signed, 4),
            "i8" => (ScalarKind::Signed, 8),
            "f2" => (ScalarKind::Float, 2),
            "f4" => (ScalarKind::Float, 4),
            "f8" => (ScalarKind::Float, 8),
            "m8" | "M8" => {
                let (numerator, denominator) = match unit.trim_end_matches(']') {
                    "s" => (1_000_000, 1),
                    "ms" => (1_000, 1),
                    "us" => (1, 1),
                    "ns" => (1, 1_000),
                    "ps" => (1, 1_000_000),
                    _ => return None,
                };
                (ScalarKind::Time(numerator, denominator), 8)
            }
            _ => return None,
        };
        Some(Self { kind, width, big })
    }
}

/// Bytes of an element of any dtype of fixed width.
pub(super) fn width(descr: &str) -> Option<usize> {
    let kind = descr.trim_start_matches(['<', '>', '|', '=']);
    let digits = kind.get(1..)?.split('[').next()?;
    let n: usize = if kind == "?" { 1 } else { digits.parse().ok()? };
    match kind.chars().next()? {
        'U' => n.checked_mul(4),
        'O' => None,
        _ => Some(n),
    }
}
