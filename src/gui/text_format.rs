//! Numbers as text.

/// A number of bytes in kB, MB or GB (powers of ten).
pub(super) fn bytes(n: u64) -> String {
    match n {
        0..1_000_000 => format!("{:.0} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.1} GB", n as f64 / 1e9),
    }
}

/// The text with its first letter in upper case.
pub(super) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |c| c.to_uppercase().chain(letters).collect())
}

/// A number with spaces between groups of three digits.
pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A count with its unit in singular or plural: 1 frame, 1 204 frames.
pub(super) fn counted(n: u64, one: &str) -> String {
    format!("{} {one}{}", thousands(n), if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_are_separated_and_only_one_is_singular() {
        let numbers = [0, 999, 1000, 1_234_567].map(super::thousands);
        assert_eq!(numbers, ["0", "999", "1 000", "1 234 567"]);
        let counts = [0, 1, 1001].map(|n| super::counted(n, "frame"));
        assert_eq!(counts, ["0 frames", "1 frame", "1 001 frames"]);
    }

    #[test]
    fn bytes_are_formatted_with_a_fitting_unit() {
        assert_eq!(super::bytes(12_345), "12 kB");
        assert_eq!(super::bytes(12_345_678), "12.3 MB");
        assert_eq!(super::bytes(98_765_432_100), "98.8 GB");
    }
}
