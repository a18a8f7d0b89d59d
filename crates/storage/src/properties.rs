//! Kafka's small `key=value` files: `meta.properties` and `partition.metadata`.

/// The value of `key` in lines of `key<separator>value`; lines that begin with `#` are comments.
pub(crate) fn find<'a>(text: &'a str, separator: char, key: &str) -> Option<&'a str> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let (name, value) = line.split_once(separator)?;
        (name.trim() == key).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_key() {
        let text = "#\n#cluster.id=no\ncluster.id=abc\nversion=1\n";
        assert_eq!(find(text, '=', "cluster.id"), Some("abc"));
        assert_eq!(find(text, '=', "node.id"), None);
        assert_eq!(find("version: 0\ntopic_id: xyz\n", ':', "topic_id"), Some("xyz"));
    }
}
