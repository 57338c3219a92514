//! YAML with a bounded nesting: the parser's time grows with the square of the depth.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use super::limits::MAX_NESTING;
use serde::de::DeserializeOwned;

/// Why a text is not the expected YAML.
#[derive(Debug, thiserror::Error)]
pub enum YamlError {
    /// Not YAML, or of another structure.
    #[error(transparent)]
    Syntax(#[from] yaml_serde::Error),
    /// Nested too deeply.
    #[error("nested more than {MAX_NESTING} levels deep in line {0}")]
    Deep(usize),
}

/// Parses a text.
///
/// # Errors
/// The text is not YAML, has another structure, or is nested more than [`MAX_NESTING`] levels deep.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    check_nesting(text)?;
    Ok(yaml_serde::from_str(text)?)
}

/// Bounds the depth without parsing: by brackets that are open, and by the indicators `-`, `?` and
/// the indentation at the start of a line. Brackets in quotes count too, which no configuration
/// has in such numbers.
fn check_nesting(text: &str) -> Result<(), YamlError> {
    let mut open = 0_usize;
    let mut levels = vec![0_usize];
    for (number, line) in text.lines().enumerate() {
        let deep = || YamlError::Deep(number.saturating_add(1));
        let content = line.trim_start_matches([' ', '-', '?']);
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let lead = line.get(..line.len().saturating_sub(content.len())).unwrap_or_default();
        let marks = lead.bytes().filter(|b| *b != b' ').count();
        let indent = line.len().saturating_sub(line.trim_start_matches(' ').len());
        while levels.last().is_some_and(|last| *last >= indent) {
            levels.pop();
        }
        levels.push(indent);
        for byte in content.bytes() {
            match byte {
                b'[' | b'{' => open = open.saturating_add(1),
                b']' | b'}' => open = open.saturating_sub(1),
                _ => {}
            }
            if open > MAX_NESTING {
                return Err(deep());
            }
        }
        if marks > MAX_NESTING || levels.len() > MAX_NESTING {
            return Err(deep());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn deep_nesting_of_every_form_is_refused_at_once() {
        let indented: String = (0..200).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
        let cases =
            ["[".repeat(100_000), "{a: ".repeat(50_000), "- ".repeat(50_000) + "1", indented];
        for text in cases {
            let error = parse::<yaml_serde::Value>(&text).unwrap_err().to_string();
            assert!(error.contains("nested more than 64 levels"), "{error}");
        }
    }

    #[test]
    fn usual_texts_are_parsed() {
        let text = "\u{feff}a: [1, 2]\nb:\n  - c: {d: 1}\n  - e\n# [[[[\n";
        let value: yaml_serde::Value = parse(text).unwrap();
        assert_eq!(value["b"][0]["c"]["d"].as_u64(), Some(1));
        let long: String = (0..1000).map(|i| format!("key{i}:\n  - {i}\n")).collect();
        assert!(parse::<yaml_serde::Value>(&long).is_ok());
    }
}
