<?xml version="1.0" encoding="UTF-8"?>
<!-- xurkunde 1.1 → 1.0: den Zustellweg kennt 1.0 nicht; dort kommt jede Urkunde mit der Post. -->
<xsl:stylesheet version="3.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:neu="urn:amtsbote:xurkunde:1.1" xmlns:u="urn:amtsbote:xurkunde:1.0"
    xmlns:b="urn:amtsbote:xbasis:1.0" exclude-result-prefixes="neu">
  <xsl:mode on-no-match="shallow-copy"/>
  <xsl:template match="/neu:*/@version">
    <xsl:attribute name="version">1.0</xsl:attribute>
  </xsl:template>
  <xsl:template match="neu:*">
    <xsl:element name="u:{local-name()}">
      <xsl:apply-templates select="@* | node()"/>
    </xsl:element>
  </xsl:template>
  <xsl:template match="neu:zustellweg"/>
</xsl:stylesheet>
