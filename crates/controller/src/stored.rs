//! Tables and jobs: definitions that somebody else understands, kept as facts.

use metadata::{Fact, Image};
use model::ErrorCode;

use crate::{Answer, IfThere, Refusal, Stored, machine::Outcome};

/// The longest definition that is kept.
const DEFINITION_BYTES_MAX: usize = 1 << 20;

pub(crate) fn put_table(
    image: &Image,
    name: String,
    definition: String,
    if_there: IfThere,
) -> Outcome {
    let stored = decide("table", &name, image.table(&name), (&definition, if_there));
    put(stored, Fact::Table { name, definition })
}

pub(crate) fn remove_table(image: &Image, name: String) -> Outcome {
    let is_there = image.table(&name).is_some();
    remove(is_there, format!("table '{name}' does not exist"), Fact::RemoveTable { name })
}

pub(crate) fn put_job(image: &Image, id: String, definition: String, if_there: IfThere) -> Outcome {
    let stored = decide("job", &id, image.job(&id), (&definition, if_there));
    put(stored, Fact::Job { id, definition })
}

pub(crate) fn remove_job(image: &Image, id: String) -> Outcome {
    let is_there = image.job(&id).is_some();
    remove(is_there, format!("job '{id}' does not exist"), Fact::RemoveJob { id })
}

fn decide(
    noun: &str,
    name: &str,
    present: Option<&str>,
    (definition, if_there): (&str, IfThere),
) -> Result<Stored, Refusal> {
    if definition.len() > DEFINITION_BYTES_MAX {
        let message = format!("{noun} '{name}' is longer than {DEFINITION_BYTES_MAX} bytes");
        return Err(Refusal::new(ErrorCode::InvalidRequest, message));
    }
    match (present, if_there) {
        (None, _) => Ok(Stored::Made),
        (Some(_), IfThere::Keep) => Ok(Stored::Kept),
        (Some(_), IfThere::Replace) => Ok(Stored::Replaced),
        (Some(_), IfThere::Refuse) => {
            let message = format!("{noun} '{name}' already exists");
            Err(Refusal::new(ErrorCode::DuplicateResource, message))
        }
    }
}

fn put(stored: Result<Stored, Refusal>, fact: Fact) -> Outcome {
    let is_change = matches!(stored, Ok(Stored::Made | Stored::Replaced));
    let facts = if is_change { vec![fact] } else { Vec::new() };
    Outcome { facts, answer: Answer::Put(stored) }
}

fn remove(is_there: bool, message: String, fact: Fact) -> Outcome {
    if is_there {
        return Outcome { facts: vec![fact], answer: Answer::Remove(Ok(())) };
    }
    let refusal = Refusal::new(ErrorCode::ResourceNotFound, message);
    Outcome { facts: Vec::new(), answer: Answer::Remove(Err(refusal)) }
}
