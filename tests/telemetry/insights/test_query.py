from __future__ import annotations

import json

import pytest

from emulator.telemetry.insights.query import read
from emulator.telemetry.insights.row import Row
from emulator.telemetry.insights.words import QueryError

ID = "8f507cfc-1234-4697-b07a-ac58fc914c95"
MESSAGES = [
    f"START RequestId: {ID} Version: $LATEST",
    f"2026-11-27T10:00:00.000Z\t{ID}\tERROR\tno luck",
    json.dumps({"level": "INFO", "user": {"id": 7, "tags": ["a", "b"]}, "took": 12.5, "ok": True}),
    json.dumps({"level": "ERROR", "user": {"id": 8, "tags": []}, "took": 30}),
    (
        f"REPORT RequestId: {ID}\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t"
    ),
    (
        f"REPORT RequestId: {ID}\tDuration: 5.99 ms\tBilled Duration: 6 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 40 MB\t"
    ),
]
ORIGIN = 1_700_000_000_000


def rows() -> list[Row]:
    """The events, a minute apart, the newest first."""
    return [
        Row(ORIGIN + 60_000 * n, ORIGIN, message, f"s{n % 2}", "1:g", f"p{n}")
        for n, message in enumerate(MESSAGES)
    ][::-1]


def result(query: str) -> list[dict[str, str]]:
    return [dict(row) for row in read(query).run(rows())]


def column(query: str, name: str) -> list[str | None]:
    return [row.get(name) for row in result(query)]


def test_a_query_shows_time_and_message_newest_first() -> None:
    found = result("limit 2")
    assert found == [
        {"@timestamp": "2023-11-14 22:18:20.000", "@message": MESSAGES[5], "@ptr": "p5"},
        {"@timestamp": "2023-11-14 22:17:20.000", "@message": MESSAGES[4], "@ptr": "p4"},
    ]


def test_fields_of_events_of_json_and_of_lambdas_lines() -> None:
    query = "fields @logStream, level, user.id, user.tags.1, took, ok | filter ispresent(level)"
    assert result(query) == [
        {"@logStream": "s1", "level": "ERROR", "user.id": "8", "took": "30", "@ptr": "p3"},
        {
            "@logStream": "s0",
            "level": "INFO",
            "user.id": "7",
            "user.tags.1": "b",
            "took": "12.5",
            "ok": "true",
            "@ptr": "p2",
        },
    ]
    assert column("fields @requestId", "@requestId") == [ID, ID, None, None, ID, ID]
    assert column("fields @type", "@type") == ["REPORT", "REPORT", None, None, None, "START"]


@pytest.mark.parametrize(
    ("condition", "places"),
    [
        ("level = 'ERROR'", [3]),
        ('@message like "ERROR"', [3, 1]),
        ("@message like /(?i)error|start/", [3, 1, 0]),
        ("@message =~ /RequestId: \\S+ Version/", [0]),
        ("@message not like /RequestId/", [3, 2, 1]),
        ("took > 12.5", [3]),
        ("took >= 12.5 and not level = 'ERROR'", [2]),
        ("level in ['INFO', 'WARN'] or @duration > 5", [5, 2]),
        ("(took = 30 or took = 12.5) and user.id != 8", [2]),
        ("@type = 'REPORT' and @maxMemoryUsed / 1000 / 1000 > 36", [5]),
        ("strcontains(@message, 'luck')", [1]),
        ("@initDuration < 1", []),
        ("ispresent(@initDuration)", [4]),
        ("abs(0 - took) = 30", [3]),
        ("`user.id` = 7", [2]),
    ],
)
def test_filter_keeps_the_rows_that_its_condition_holds_for(
    condition: str, places: list[int]
) -> None:
    assert column(f"filter {condition}", "@ptr") == [f"p{place}" for place in places]


def test_stats_of_all_and_by_fields() -> None:
    query = (
        "filter @type = 'REPORT' | stats count(*) as n, avg(@duration), max(@maxMemoryUsed) / 1e6,"
        " sum(@billedDuration), pct(@duration, 99) as p99, min(@duration)"
    )
    assert result(query) == [
        {
            "n": "2",
            "avg(@duration)": "4.5",
            "max(@maxMemoryUsed) / 1e6": "40",
            "sum(@billedDuration)": "10",
            "p99": "5.99",
            "min(@duration)": "3.01",
        }
    ]
    by_stream = result("stats count(*) by @logStream as stream | sort stream desc")
    assert by_stream == [{"stream": "s1", "count(*)": "3"}, {"stream": "s0", "count(*)": "3"}]


def test_stats_by_time() -> None:
    assert result("stats count(*) as n by bin(5m) as at | sort at asc") == [
        {"at": "2023-11-14 22:10:00.000", "n": "2"},
        {"at": "2023-11-14 22:15:00.000", "n": "4"},
    ]


def test_stats_of_nothing_count_nothing() -> None:
    assert result("filter @message = 'never' | stats count(*) as n, avg(took)") == [{"n": "0"}]


def test_parse_by_asterisks_and_by_groups() -> None:
    by_asterisks = 'filter @type = "REPORT" | parse @message "Billed Duration: * ms" as billed'
    assert column(f"{by_asterisks} | display billed", "billed") == ["6", "4"]
    by_groups = "parse @message /Version: (?<version>\\S+)/ | filter ispresent(version)"
    assert column(f"{by_groups} | fields version", "version") == ["$LATEST"]
    rest = 'parse @message "*\\t*\\t*\\t*" as at, id, level, text | filter id = "ID"'
    assert column(rest.replace("\\t", "\t").replace("ID", ID) + " | fields text", "text") == [
        "no luck"
    ]


def test_sort_limit_dedup_and_comments() -> None:
    query = """
        fields @timestamp, took   # the slow ones
        | filter took > 0
        | sort took desc, @timestamp
        | limit 1
    """
    assert column(query, "took") == ["30"]
    assert column("dedup @logStream", "@ptr") == ["p5", "p4"]


def test_numbers_are_shown_short_and_huge_ones_whole() -> None:
    huge = 10**400
    rows = [Row(ORIGIN, ORIGIN, f'{{"a": {huge}}}', "s", "g", "p")]
    (row,) = read("fields a, a + 1 as b, 0.1 + 0.2 as c | display a, b, c").run(rows)
    assert dict(row) == {"a": str(huge), "c": "0.3", "@ptr": "p"}


def test_arithmetic_and_names() -> None:
    (row, *_) = result("filter took = 12.5 | fields (took + 2 * 3) % 4 as odd, concat('a', took)")
    assert (row["odd"], row["concat('a', took)"]) == ("2.5", "a12.5")
    assert "q" not in result("fields took / 0 as q")[0]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "a command is empty"),
        ("fields a |", "a command is empty"),
        ("pattern @message", "the command pattern is not emulated"),
        ("fields jsonParse(a)", "the function jsonParse is not emulated"),
        ("filter", "the query ends too early"),
        ("filter a ==", "unexpected symbol found ="),
        ("filter (a = 1", "expected ')' instead of its end"),
        ("limit many", "'many' is no number of rows"),
        ("parse @message 'a * b' as x, y", "1 values are parsed, and 2 are named"),
        ("parse @message /(/", "is none"),
        ("stats avg(a) by bin(x)", "no period"),
        ("stats pct(a)", "a field and a rank"),
        ("fields a b", "unexpected symbol found b at position 9"),
        ("filter " + "(" * 100 + "a", "too deep"),
        ("filter " + "not " * 100 + "a", "too deep"),
        ("filter {a}", "unexpected symbol found {"),
        ("limit " + "9" * 5000, "unexpected symbol found 9"),
    ],
)
def test_what_is_not_emulated_is_refused(query: str, sentence: str) -> None:
    with pytest.raises(QueryError) as refusal:
        read(query)
    assert sentence in str(refusal.value)
