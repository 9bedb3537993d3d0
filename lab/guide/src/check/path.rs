//! A path in a JSON value: `.Spec.Mode.Replicated.Replicas`, `.Mounts[0].Type`, `.Labels["a.b"]`, `[*].ID`.

use serde_json::Value;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Key(String),
    Index(usize),
    /// Each member of a list or an object.
    Each,
}

/// A path that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    text: String,
    parts: Vec<Part>,
}

impl Path {
    /// Reads a path.
    pub fn read(text: &str) -> Result<Path, String> {
        let wrong = || format!("`{text}` is no path; one is `.Spec.Labels[\"a.b\"]`, `.Mounts[0].Type` or `[*].ID`");
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(behind) = rest.strip_prefix('[') {
                let (inside, after) = behind.split_once(']').ok_or_else(wrong)?;
                let quoted = inside.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
                parts.push(match (quoted, inside) {
                    (Some(name), _) => Part::Key(name.to_owned()),
                    (None, "*") => Part::Each,
                    (None, index) => Part::Index(index.parse().map_err(|_| wrong())?),
                });
                rest = after;
            } else {
                let behind = rest.strip_prefix('.').ok_or_else(wrong)?;
                let end = behind.find(['.', '[']).unwrap_or(behind.len());
                // A lone point is the whole value.
                if end > 0 {
                    parts.push(Part::Key(behind[..end].to_owned()));
                } else if !behind.is_empty() {
                    return Err(wrong());
                }
                rest = &behind[end..];
            }
        }
        if text.is_empty() { Err(wrong()) } else { Ok(Path { text: text.to_owned(), parts }) }
    }

    /// What is there, as text: a string as it is, a list as its members with a blank between, nothing as nothing.
    pub fn find(&self, value: &Value) -> String {
        let mut found = vec![value];
        for part in &self.parts {
            found = found
                .into_iter()
                .flat_map(|value| match (part, value) {
                    (Part::Key(key), value) => value.get(key).into_iter().collect::<Vec<_>>(),
                    (Part::Index(index), value) => value.get(index).into_iter().collect(),
                    (Part::Each, Value::Array(members)) => members.iter().collect(),
                    (Part::Each, Value::Object(members)) => members.values().collect(),
                    (Part::Each, _) => Vec::new(),
                })
                .collect();
        }
        found.into_iter().map(text).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// A value as text.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(members) => members.iter().map(text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_to_values() {
        let value = json!({"A": {"b.c": 1, "L": [{"x": "p"}, {"x": "q"}], "N": null, "T": true}});
        for (path, found) in [
            (".A[\"b.c\"]", "1"),
            (".A.L[1].x", "q"),
            (".A.L[*].x", "p q"),
            (".A.N", ""),
            (".A.T", "true"),
            (".A.Z.z", ""),
            (".A.L[7].x", ""),
        ] {
            assert_eq!(Path::read(path).unwrap().find(&value), found, "{path}");
        }
        assert_eq!(Path::read(".").unwrap().find(&json!("whole")), "whole");
        for path in ["", "A", ".A[", ".A[x]", ".A..B", "[*]x"] {
            assert!(Path::read(path).is_err(), "{path}");
        }
    }
}
