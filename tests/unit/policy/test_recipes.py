"""Recipes per tool: each exists in the catalogue as it is written, and does no more than it says."""

from policy_world import CATALOGUE

from tokenportal.policy import recipes, templates
from tokenportal.policy.recipes import RECIPES

EXPECTED = {
    "tool-acme-client": {"DNS Write", "Zone Read"},
    "tool-dynamic-dns": {"DNS Write", "Zone Read"},
    "tool-external-dns": {"DNS Write", "Zone Read"},
    "tool-deploy-purge": {"Cache Purge"},
    "tool-metrics": {"Analytics Read", "Zone Read", "Account Analytics Read"},
    "tool-tunnel": {"Cloudflare Tunnel Write", "DNS Write", "Zone Read"},
}


def test_each_recipe_asks_for_what_its_tool_needs() -> None:
    assert {recipe.slug: {group.name for group in recipe.groups(CATALOGUE)} for recipe in RECIPES} == EXPECTED
    assert all(len(recipe.groups(CATALOGUE)) == len(recipe.wants) for recipe in RECIPES)


def test_recipes_and_templates_are_found_by_one_name_each() -> None:
    slugs = [one.slug for one in (*RECIPES, *templates.TEMPLATES)]
    assert len(set(slugs)) == len(slugs) == 17
    assert [recipes.get(slug) for slug in slugs] == [*RECIPES, *templates.TEMPLATES]
    assert recipes.get("nothing") is None


def test_no_recipe_reaches_everything_or_makes_tokens() -> None:
    for recipe in RECIPES:
        spec, fallen = templates.for_owner(recipe, CATALOGUE, "account")
        assert fallen == ()
        assert spec.blocks[0].zones.mode == "these"
        assert not any(group.risk == "creates" for group in recipe.groups(CATALOGUE))
