//! Listeners as Kafka writes them: `NAME://host:port`, the host may be empty (every interface) or an IPv6 address in brackets.

use std::fmt;

/// One of `listeners` or of `advertised.listeners`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    /// In upper case, as Kafka compares them.
    pub(crate) name: String,
    pub(crate) address: Address,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    /// Empty: every interface. Without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    /// Reads `host:port`.
    ///
    /// # Errors
    /// Why it is none, as half a sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(format!("'{text}' has no port"));
        };
        let port = port.parse().map_err(|_| format!("'{port}' is no port (0 to 65535)"))?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => address,
            None if host.contains(':') => {
                return Err(format!("the IPv6 address '{host}' must stand in brackets"));
            }
            None => host,
        };
        if host.contains(|letter: char| letter.is_whitespace() || "/[]@,".contains(letter)) {
            return Err(format!("'{host}' is no host name"));
        }
        Ok(Self { host: host.to_owned(), port })
    }

    /// Whether it names every interface rather than one.
    pub(crate) fn is_wildcard(&self) -> bool {
        matches!(self.host.as_str(), "" | "0.0.0.0" | "::")
    }

    /// What is listened on: an empty host is every interface.
    pub(crate) fn to_bind(&self) -> (&str, u16) {
        (if self.host.is_empty() { "0.0.0.0" } else { &self.host }, self.port)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl Listener {
    /// Reads a list of them.
    ///
    /// # Errors
    /// Why one of them is none, as half a sentence.
    pub(crate) fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        let listeners: Vec<Self> = texts.map(Self::parse).collect::<Result<_, _>>()?;
        for (index, listener) in listeners.iter().enumerate() {
            if listeners[..index].iter().any(|other| other.name == listener.name) {
                return Err(format!("there are two listeners named {}", listener.name));
            }
        }
        Ok(listeners)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let Some((name, address)) = text.split_once("://") else {
            return Err(format!("'{text}' is not NAME://host:port"));
        };
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(format!("'{name}' is no listener's name"));
        }
        Ok(Self { name: name.to_ascii_uppercase(), address: Address::parse(address)? })
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.name, self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_forms_are_read() {
        let read = Listener::parse_list("PLAINTEXT://:9092, controller://[::1]:9093,A://h.x:0");
        let shown: Vec<_> = read.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["PLAINTEXT://:9092", "CONTROLLER://[::1]:9093", "A://h.x:0"]);
        assert_eq!(Listener::parse_list("").unwrap(), []);
    }

    #[test]
    fn others_are_refused_with_a_reason() {
        let why = |text| Listener::parse_list(text).unwrap_err();
        assert!(why("localhost:9092").contains("NAME://host:port"));
        assert!(why("A://h").contains("no port"));
        assert!(why("A://h:70000").contains("70000"));
        assert!(why("A://::1:9092").contains("brackets"));
        assert!(why("A://h:1,a://h:2").contains("two listeners"));
        assert!(why("://h:1").contains("name"));
        assert!(why("A://h/x:1").contains("host name"));
    }
}
