"""Insights: how requests were decided in the last days."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from dashboard.screen import ScreenDep
from dashboard.views.insight_charts import by_risk, by_way, figures_of, times

router = APIRouter()

RANGES = (7, 30, 90)


@router.get("/insights")
async def insights(screen: ScreenDep, days: Annotated[int, Query()] = 30) -> HTMLResponse:
    """Show the report on the last `days` UTC days, today among them."""
    report = await screen.services.insights.of(screen.principal, days)
    return await screen.page(
        "insights.html",
        report=report,
        days=days,
        ranges=RANGES,
        figures=figures_of(report),
        charts=(("By outcome", by_way(report)), ("By risk", by_risk(report))),
        times=times(report),
    )
